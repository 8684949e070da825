"""The list of events: days, folded lines, chart, facets, columns, selection."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from eventlog.models import Log, log
from eventlog.review import facets

from ..events import request_row, write_request
from ..shop.models import Widget

pytestmark = pytest.mark.django_db

LIST = "/admin/eventlog/log/"
NOON = datetime(2026, 5, 1, 10, tzinfo=UTC)  # 12:00 in Berlin


@pytest.fixture(autouse=True)
def _quiet(settings):
    settings.EVENTLOG = {"REQUESTS": []}


def text(response):
    html = re.sub(r"<(style|script).*?</\1>", "", response.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def shown(response):
    return [event.action for event in response.context["cl"].result_list]


def at(minutes, action="X", extra=None, **values):
    return write_request(
        extra, action=action, timestamp=NOON - timedelta(minutes=minutes), **values
    )


# Lines


def test_each_day_has_a_heading_and_the_time_zone_is_named_once(root):
    at(0)
    at(1)
    at(24 * 60)
    page = text(root.get(LIST))
    assert page.count("Friday, May 1, 2026 · Europe/Berlin") == 1
    assert page.count("Thursday, April 30, 2026") == 1
    assert page.count("Europe/Berlin") == 1
    assert "12:00:00" in page


def lines(response):
    return [
        (line.fold.label if len(line.rows) > 1 else "", [e.action for e in line.fold.events])
        for line in response.context["cl"].lines(response.context["cl"].result_list)
    ]


def test_events_of_one_request_are_one_line_led_by_the_request(root):
    at(0, "OTHER")
    at(1, "PAID", {"request_id": "r"}, is_request=False)
    at(2, "LOGGED", {"request_id": "r"}, is_request=False)
    at(3, "POST_ORDER", {"request_id": "r"})
    assert lines(root.get(LIST)) == [("", ["OTHER"]), ("+2", ["POST_ORDER", "PAID", "LOGGED"])]


def test_equal_events_in_a_row_are_one_line_with_their_number_and_start(root):
    for n in range(5):
        at(n, "LOGIN", {"ip": "203.0.113.7"})
    at(6, "LOGIN", {"ip": "203.0.113.8"})
    assert lines(root.get(LIST)) == [
        ("5 × since 11:56:00", ["LOGIN"] * 5),  # noqa: RUF001
        ("", ["LOGIN"]),
    ]
    html = root.get(LIST).content.decode()
    assert 'aria-label="Show 4 more events like this"' in html
    assert html.count('class="more"') == 4


def test_no_event_is_folded_while_events_are_selected(root):
    for n in range(4):
        at(n)
    assert len(lines(root.get(f"{LIST}?select=1"))) == 4


def test_a_line_shows_the_query_string_and_the_first_own_values(root):
    at(0, extra={"path": "/a/", "query": "page=2", "total": 7, "title": "Foo", "deep": {"a": 1}})
    log(None, "PAID", {"amount": 12.5})
    page = text(root.get(LIST))
    assert {"total=7", "title=Foo"} <= set(page.split())  # PostgreSQL sorts the keys
    assert "/a/?page=2" in page
    assert page.index("/a/?page=2") < page.index("total=7")
    assert "amount=12.5" in page


# Search problems


def test_an_action_that_has_not_occurred_has_a_link_to_the_nearest(root):
    at(0, "ORDER_PLACED")
    response = root.get(LIST, {"q": "action:ORDER_PLACD"})
    assert "No event has the action" in text(response)
    (hint,) = response.context["cl"].hints
    assert shown(root.get(LIST + hint.suggestion.address)) == ["ORDER_PLACED"]


def test_a_syntax_error_has_links_to_a_correct_search(root):
    at(0, "A")
    response = root.get(LIST, {"q": "(action:A"})
    (error,) = response.context["cl"].errors
    assert shown(response) == []
    assert shown(root.get(LIST + error.suggestion.address)) == ["A"]
    assert shown(root.get(LIST + error.without)) == ["A"]


# Events, requests, both


def test_the_choice_of_events_or_requests_is_remembered(root):
    at(0, "GET_HOME")
    log(None, "PAID")
    assert set(shown(root.get(LIST))) == {"GET_HOME", "PAID"}
    assert shown(root.get(f"{LIST}?show=events")) == ["PAID"]
    assert shown(root.get(LIST)) == ["PAID"]
    assert shown(root.get(f"{LIST}?show=requests")) == ["GET_HOME"]
    assert set(shown(root.get(f"{LIST}?show=both"))) == {"GET_HOME", "PAID"}
    assert set(shown(root.get(LIST))) == {"GET_HOME", "PAID"}


def test_an_export_has_the_events_that_the_list_shows(root):
    at(0, "GET_HOME")
    log(None, "PAID")
    for show, action in (("events", b"PAID"), ("requests", b"GET_HOME")):
        rows = b"".join(root.get(f"{LIST}export/csv/?show={show}").streaming_content)
        assert rows.count(b"\n") == 2
        assert action in rows


# The chart


def chart(response):
    return response.context["cl"].chart


def bars(response):
    svg, _, zones = str(chart(response).svg).partition('<g class="zones">')
    assert zones
    return {
        title: address.replace("&amp;", "&")
        for address, title in re.findall(r'<a href="([^"]*)"[^>]*aria-label="([^"]*)"', svg)
    }


def test_each_bar_leads_to_its_events(root):
    for n in range(3):
        at(n * 60 * 5, f"E{n}")
    response = root.get(LIST, {"q": "from:2026-05-01 to:2026-05-01"})
    assert chart(response).total == 3
    found = bars(response)
    assert 40 <= len(found) <= 73
    full = [address for title, address in found.items() if not title.endswith(" 0")]
    assert [shown(root.get(LIST + address)) for address in full] == [["E2"], ["E1"], ["E0"]]


def test_the_chart_counts_the_events_of_the_search(root, anna):
    for n in range(4):
        at(n, user=anna if n % 2 else None, extra={"path": f"/{n}"})
    for query, count in [("user:anna", 2), ("path:/3", 1), ("-user:anna", 2)]:
        assert chart(root.get(LIST, {"q": f"{query} from:2026-05-01 to:2026-05-01"})).total == count


def test_the_chart_of_a_long_period_reads_stored_counts(root):
    Log.objects.bulk_create(
        request_row({}, timestamp=NOON - timedelta(days=n)) for n in range(20) for _ in range(3)
    )
    call_command("eventlog_count", verbosity=0)
    response = root.get(LIST, {"q": "from:2026-04-10 to:2026-05-01"})
    assert chart(response).total == 60
    assert chart(response).width == "12 hours"
    assert chart(response).counted_from is None


def test_the_chart_says_from_when_on_it_counted(root, monkeypatch):
    monkeypatch.setattr("eventlog.review.histogram.MAX_EVENTS", 2)
    for n in range(6):
        at(n)
    found = chart(root.get(LIST, {"q": "action:X from:2026-05-01 to:2026-05-01"}))
    assert found.counted_from == NOON - timedelta(minutes=2)
    assert found.total == 3


def test_the_chart_leads_to_earlier_later_and_longer_periods(root):
    at(0)
    found = chart(root.get(LIST, {"q": "from:2026-05-01T10:00 to:2026-05-01T11:00"}))
    assert shown(root.get(LIST + found.earlier)) == []
    assert shown(root.get(LIST + found.later)) == []
    assert shown(root.get(LIST + found.zoom_out)) == []
    twice = chart(root.get(LIST + found.zoom_out))
    assert shown(root.get(LIST + twice.zoom_out)) == ["X"]


@pytest.mark.parametrize(
    "query",
    [
        "from:0001-01-05",
        "to:0001-01-05",
        "from:9999-12-20",
        "to:9999-12-27",
        "from:2026-05-02 to:2026-05-01",
    ],
)
def test_a_period_at_the_end_of_time_breaks_no_chart(root, query):
    at(0)
    assert root.get(LIST, {"q": query}).status_code == 200


def test_the_oldest_events_are_one_click_away(root, monkeypatch):
    monkeypatch.setattr("eventlog.admin.LogAdmin.list_per_page", 2)
    for n in range(5):
        at(n, f"E{n}")
    address = root.get(LIST).context["cl"].oldest_address
    assert shown(root.get(LIST + address)) == ["E3", "E4"]


def test_the_oldest_events_of_a_search_without_an_index_are_reached(root, monkeypatch):
    monkeypatch.setattr("eventlog.review.changelist.SCAN_LIMIT", 3)
    monkeypatch.setattr("eventlog.review.pagination.SCAN_CHUNK", 3)
    for n in range(20):
        at(n, "FOUND" if n == 2 else "X", {"path": "/found/" if n == 2 else "/"})
    cl = root.get(LIST, {"q": "path:/found/"}).context["cl"]
    address = cl.oldest_address
    for _ in range(10):
        response = root.get(LIST + address)
        if shown(response):
            break
        address = response.context["cl"].newer_address
    assert shown(response) == ["FOUND"]


# Facets


def facet(response, title):
    found = {str(each.title): each.values for each in response.context["cl"].facets}
    return {value.label: value for value in found.get(title, [])}


def test_a_facet_counts_values_and_leads_to_events_with_and_without_each(root, anna):
    at(0, "A", {"status": 200, "method": "GET", "ip": "192.0.2.7", "device_type": "pc"}, user=anna)
    at(1, "B", {"status": 404, "method": "GET", "ip": "192.0.2.8", "device_type": "bot"})
    log(None, "C", obj=Widget.objects.create(name="sprocket"))
    response = root.get(f"{LIST}?facets=1")
    expected = {
        "Action": {"A", "B", "C"},
        "User": {"anna", "anonymous"},
        "Status": {"200", "404"},
        "Method": {"GET"},
        "Address": {"192.0.2.7", "192.0.2.8"},
        "Device": {"PC", "bot"},
        "Kind of object": {"shop.widget"},
    }
    for title, labels in expected.items():
        values = facet(response, title)
        assert set(values) == labels
        for value in values.values():
            only, without = (
                shown(root.get(LIST + address))
                for address in (value.only_address, value.not_address)
            )
            assert len(only) == value.events
            assert sorted(only + without) == ["A", "B", "C"]


def test_facets_are_read_only_when_they_are_shown(root):
    at(0)
    assert "facets" not in root.get(LIST).context["cl"].__dict__


def test_facets_say_how_many_events_were_counted(root, monkeypatch):
    monkeypatch.setattr("eventlog.review.list_panels.MAX_EVENTS", 3)
    assert facets.MAX_EVENTS == 1000
    at(0)
    assert "Facets of 1 event " in text(root.get(f"{LIST}?facets=1"))
    for n in range(5):
        at(n)
    response = root.get(f"{LIST}?facets=1")
    assert "Facets of the newest 3 events" in text(response)


def test_the_page_takes_the_same_number_of_queries_for_any_number_of_events(root):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            root.get(f"{LIST}?facets=1&show=both&q=status:404")
        return len(captured)

    def add(number):
        Log.objects.bulk_create(request_row({"status": 404}, timestamp=NOON) for _ in range(number))

    add(150)
    queries()
    before = queries()
    add(300)
    assert queries() == before


# Columns, selection, links


def test_the_columns_of_the_address_are_shown_and_kept(root):
    log(None, "PAID", {"order": {"total": 7}})
    response = root.get(f"{LIST}?columns=action,extra.order.total,view,unknown")
    html = response.content.decode()
    headers = re.findall(r"<th scope=\"col\"[^>]*column-[^>]*>.*?<span>(.*?)</span>", html)
    assert headers == ["Action", "Extra.order.total", "View"]
    assert "columns=action%2Cextra.order.total" in response.context["cl"].oldest_address
    assert "PAID extra.order.total 7" in text(response)


def test_deleting_selected_events_records_who_deleted_how_many_of_which_search(root):
    rows = [at(n) for n in range(3)]
    root.post(
        f"{LIST}?select=1&q=action:X",
        {
            "action": "delete_selected",
            "_selected_action": [row.pk for row in rows[:2]],
            "post": "yes",
        },
    )
    (kept, recorded) = Log.objects.order_by("timestamp")
    assert kept == rows[2]
    assert recorded.action == "EVENTLOG_DELETED"
    assert recorded.user == User.objects.get(username="root")
    assert (recorded.extra["count"], recorded.extra["search"]) == (2, "action:X")


def test_a_permanent_link_has_absolute_times(root):
    event = write_request({}, action="NOW")
    address = root.get(LIST, {"q": "last:1h action:NOW"}).context["cl"].absolute_address
    assert "last" not in address
    assert shown(root.get(LIST + address)) == ["NOW"]
    Log.objects.filter(pk=event.pk).update(timestamp=timezone.now() + timedelta(hours=1))
    assert shown(root.get(LIST + address)) == []


def test_a_followed_list_is_loaded_again_until_it_is_paused(root):
    response = root.get(LIST)
    assert b'http-equiv="refresh"' not in response.content
    response = root.get(LIST + response.context["cl"].follow_switch.address)
    assert b'<meta http-equiv="refresh" content="5">' in response.content
    response = root.get(LIST + response.context["cl"].follow_switch.address)
    assert b'http-equiv="refresh"' not in response.content
