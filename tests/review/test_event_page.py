"""The page of one event in the admin."""

import re
from html import unescape

import pytest
from django.contrib.auth.models import User

from eventlog.metadata.fields import FIELDS
from eventlog.models import Log, log
from eventlog.review import links
from eventlog.review.event_page import own_values

from ..events import write_request

pytestmark = pytest.mark.django_db

LIST = "/admin/eventlog/log/"
FACTS = {
    "ip": "192.0.2.7",
    "method": "POST",
    "path": "/orders/7/",
    "query": "a=1",
    "route": "orders/<int:pk>/",
    "view": "shop:order",
    "status": 502,
    "duration_ms": 41.2,
    "browser": "Firefox 128.0",
    "os": "Windows 10",
    "device": "Other",
    "device_type": "pc",
    "ua": 'Mozilla/5.0 (X11; "x", *) (a:b)',
    "exception": "PaymentError",
    "request_id": "5b1c",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "acting_user": "admin",
    "reason": "ticket 4711",
    "command": "import_orders",
}


@pytest.fixture(autouse=True)
def _quiet(settings):
    settings.EVENTLOG = {"REQUESTS": []}


def page(client, event):
    response = client.get(f"{LIST}{event.pk}/change/")
    assert response.status_code == 200
    return response.content.decode()


def text(html):
    html = re.sub(r"<(style|script).*?</\1>", "", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def headings(html):
    return re.findall(r'<h2[^>]*fieldset-heading">([^<]*)</h2>', html)


def test_the_data_of_the_application_comes_before_the_request(root):
    html = page(root, write_request({**FACTS, "order": {"total": 9}}))
    assert headings(html) == ["Data", "What else", "Request", "Client"]
    assert "order. total 9" in text(html)


def test_a_value_that_replaces_a_fact_is_data(root):
    event = write_request({**FACTS, "path": "own"}, own_keys=",path,")
    assert own_values(event) == {"path": "own"}
    html = page(root, event)
    assert "path own" in text(html)
    assert "Path own" not in text(html)


def test_all_of_a_pinax_extra_is_data(root):
    event = Log.objects.create(action="X", extra={"path": "/a/", "ip": "192.0.2.7"})
    assert own_values(event) == event.extra
    assert headings(page(root, event)) == ["Data"]


def test_an_event_with_nothing_but_a_time_has_no_empty_sections(root):
    html = page(root, Log.objects.create(action=""))
    assert headings(html) == []
    assert "<details" not in html.partition('id="content"')[2]
    assert "Object" not in text(html).partition("Time")[2]


def test_a_fact_links_to_a_search_that_finds_the_event(root):
    event = write_request(FACTS)
    html = page(root, event)
    found = {
        re.match(r".*\?q=([\w.]+)", link)[1]: unescape(link)
        for link in re.findall(rf'<bdi><a href="({LIST}\?q=[^"]+)"', html)
    }
    assert set(found) == {*links.FACT_FILTERS.values(), "ip", "action"}
    for link in found.values():
        assert event in root.get(link).context["cl"].result_list, link


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "odd"),
        ("status", 99),
        ("status", True),
        ("device_type", "toaster"),
        ("path", ""),
        ("path", "\ud800"),
        ("path", "/a*b*c*d*e*f"),
        ("path", "x" * 1001),
        ("path", ["/a/"]),
        ("query", "a=1"),
    ],
)
def test_a_fact_without_a_search_is_not_a_link(name, value):
    assert links.fact_term(name, value) is None


def test_each_fact_is_on_the_page_once(root):
    facts = {name: f"value of {name}." for name in FIELDS} | {
        "ip": "192.0.2.9",
        "device_type": "pc",
    }
    html = page(root, write_request(facts)).partition("<details")[0]
    for value in {*facts.values()} - {"pc", "192.0.2.9"}:
        assert text(html).count(value) == 1


def test_the_json_is_folded_and_has_a_hidden_button(root):
    html = page(root, write_request({"more": {"é": [1]}}))
    assert re.search(r"<details class=\"related raw module\">", html)
    assert '<p class="copy" hidden>' in html
    assert '<script src="/static/eventlog/copy.js" defer></script>' in html


def test_a_product_that_is_not_known_is_left_out(root):
    unknown = {"browser": "Python Requests 2.32", "os": "Other", "device": "Other"}
    html = page(root, write_request({**unknown, "device_type": "bot", "ip": "192.0.2.9"}))
    assert "Python Requests 2.32" in html
    assert "System" not in text(html)
    assert ">Other<" not in html


def test_a_device_that_is_named_like_its_kind_is_shown_once(root):
    shown = text(page(root, write_request({"device": "PC", "device_type": "pc"})))
    assert "Kind of device" in shown
    assert "Device" not in shown


def test_the_events_around_link_from_their_time_and_have_their_duration(root, anna):
    for _ in range(2):
        event = write_request({**FACTS, "duration_ms": 1234}, user=anna)
    around = page(root, event).partition('aria-labelledby="around"')[2]
    assert re.search(r'<a href="[^"]+/change/[^"]*"><time ', around)
    assert around.count("1.2 s") == 2


def test_the_user_links_to_the_page_of_the_user_and_not_to_events(root, anna):
    html = page(root, log(anna, "X"))
    top = html.partition('<table class="facts">')[2].partition("</table>")[0]
    assert f"/admin/auth/user/{anna.pk}/change/" in top
    assert "all events" not in html


def test_a_site_may_choose_other_sections(root, monkeypatch):
    monkeypatch.setattr("eventlog.admin.LogAdmin.fieldsets", ((None, {"fields": ["own_data"]}),))
    html = page(root, write_request({**FACTS, "order": 7}))
    assert "order 7" in text(html)
    assert "orders/<int:pk>/" not in text(html).partition("All data as JSON")[0]


def test_a_deleted_object_has_a_name_without_a_link(root):
    user = User.objects.create_user("maria")
    event = log(None, "EDITED", obj=user)
    address, page = f"/admin/auth/user/{user.pk}/change/", f"/admin/eventlog/log/{event.pk}/change/"
    assert address in root.get(page).content.decode()
    user.delete()
    shown = root.get(page).content.decode()
    assert "maria" in shown
    assert address not in shown
