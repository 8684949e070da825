"""The pages of the admin and the timeline show the same events from both readers."""

import csv
import json
import re
from datetime import timedelta

import pytest
from django.contrib import admin as django_admin
from django.core.management import call_command
from django.db import connection
from django.template import engines
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from django.utils import timezone

import eventlog
from eventlog import access, admin
from eventlog.backends import get_backend
from eventlog.models import Log
from eventlog.review import links
from eventlog.review.database_reader import DatabaseReader

from ...events import write_request
from ...shop.models import Widget

LIST = "/admin/eventlog/log/"
NOW = timezone.now().replace(microsecond=0) - timedelta(minutes=90)


class Limited(admin.LogAdmin):
    def get_queryset(self, request):
        found = super().get_queryset(request)
        return found.exclude(action__startswith="SECRET").filter(user__isnull=False)


class Joined(admin.LogAdmin):
    def get_queryset(self, request):
        return super().get_queryset(request).filter(user__username="anna")


sites = {kind.__name__.lower(): django_admin.AdminSite(kind.__name__) for kind in (Limited, Joined)}
sites["limited"].register(Log, Limited)
sites["joined"].register(Log, Joined)
urlpatterns = [
    path("", include("tests.urls")),
    *(path(f"{name}/", site.urls) for name, site in sites.items()),
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture(params=["database", "clickhouse"])
def store(request, backend, copy, settings):
    """Return a function that moves the events of a test to the store that the pages read."""
    settings.EVENTLOG = {**settings.EVENTLOG, "ACCESS": {"view": False}}

    def move():
        if request.param == "database":
            settings.EVENTLOG = {"REQUESTS": [], "ACCESS": {"view": False}}
            call_command("eventlog_count", verbosity=0)
            return
        copy()
        Log.objects.all().delete()

    return move


def event(action, seconds=0, extra=None, **values):
    moment = NOW + timedelta(seconds=seconds)
    return write_request(extra or {}, action=action, timestamp=moment, **values)


def text(response):
    html = re.sub(r"<(style|script).*?</\1>", "", response.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def shown(response):
    assert response.status_code == 200
    assert not response.context["cl"].errors
    return [each.action for each in response.context["cl"].result_list]


def page_of(row):
    return links.event_address("admin", row.pk, row.timestamp)


@pytest.fixture
def rows(anna):
    """Return the events of two requests and two others, the newest last."""
    widget = Widget.objects.create(name="sprocket")
    first = {"request_id": "r1", "path": "/shop/7/", "ip": "192.0.2.7", "method": "POST"}
    return [
        event("OPENED", 0, {**first, "status": 200, "view": "shop:order", "duration_ms": 7}),
        event("PAID", 1, {"request_id": "r1", "total": 9, "changes": {"state": ["new", "paid"]}},
              user=anna, user_repr="anna", obj=widget, is_request=False),
        event("FAILED", 2, {"request_id": "r2", "status": 500, "ip": "192.0.2.7", "view": "shop:x",
                            "path": "/x/", "exception": "ValueError", "device_type": "pc"},
              user=anna, user_repr="anna"),
        event("GONE", 3, {"ip": "2001:db8::1"}, user_repr="Zoe"),
    ]  # fmt: skip


SEARCHES = {
    "": ["GONE", "FAILED", "PAID", "OPENED"],
    "user:anna": ["FAILED", "PAID"],
    "user:Zoe": ["GONE"],
    "action:PA*": ["PAID"],
    "-action:PAID is:request": ["GONE", "FAILED", "OPENED"],
    "obj:shop.widget": ["PAID"],
    "ip:192.0.2.0/24 status:5xx": ["FAILED"],
    "path:/shop/*": ["OPENED"],
    "status:>=200": ["FAILED", "OPENED"],
    "extra.total:9": ["PAID"],
    "duration:<1s OR exception:ValueError": ["FAILED", "OPENED"],
    "is:anonymous": ["OPENED"],
    "request:r1": ["PAID", "OPENED"],
    "last:1h": [],
    "OPEN": ["OPENED"],
}


def test_the_list_has_the_events_of_a_search(root, rows, store):
    store()
    for search, found in SEARCHES.items():
        page = root.get(LIST, {"q": search})
        assert (search, shown(page)) == (search, found)
        assert page.context["cl"].how_many() in (("exactly", len(found)), ("shown", len(found)))


def test_an_unknown_name_in_a_search_is_an_error(root, rows, store):
    store()
    page = root.get(LIST, {"q": "user:ana obj:shop.none"})
    html = page.content.decode()
    assert "Unknown object type &#x27;shop.none&#x27;" in html
    # MariaDB searches the events for an unknown name, because it has no index of deleted accounts.
    has_index = connection.features.supports_partial_indexes
    if has_index or not isinstance(eventlog.reader(), DatabaseReader):
        assert "Unknown user &#x27;ana&#x27;" in html
    assert not page.context["cl"].result_list


def test_the_list_shows_requests_or_other_events(root, rows, store):
    store()
    assert shown(root.get(LIST, {"show": "events"})) == ["PAID"]
    assert shown(root.get(LIST, {"show": "requests", "q": "user:anna"})) == ["FAILED"]


def test_the_pages_of_a_list_follow_one_another(root, rows, store, monkeypatch):
    monkeypatch.setattr(admin.LogAdmin, "list_per_page", 3)
    store()
    first = root.get(LIST)
    assert first.context["cl"].how_many() == ("exactly", 4)
    second = root.get(LIST + first.context["cl"].older_address)
    assert shown(second) == ["OPENED"]
    assert shown(root.get(LIST + second.context["cl"].newer_address)) == shown(first)
    assert shown(root.get(LIST + first.context["cl"].oldest_address))[-1] == "OPENED"


def test_the_chart_the_facets_and_the_actions_count_the_events(root, rows, store):
    store()
    page = root.get(LIST, {"q": "ip:192.0.2.7", "facets": "1", "pick": "action"})
    events = page.context["cl"]
    assert (events.chart.total, events.chart.counted_from) == (2, None)
    facets = {str(each.title): [(v.label, v.events) for v in each.values] for each in events.facets}
    assert facets["Address"] == [("192.0.2.7", 2)]
    assert {choice.label: choice.events for choice in events.actions()} == {
        "OPENED": 1, "PAID": 1, "FAILED": 1, "GONE": 1
    }  # fmt: skip


def test_columns_have_facts_and_values_of_the_application(root, rows, store):
    store()
    page = text(root.get(LIST, {"columns": "action,view,extra.total"}))
    assert "shop:order" in page
    assert "extra.total 9" in page


def test_the_events_of_a_request_are_folded(root, rows, store):
    store()
    assert "Show 1 more event of this request" in root.get(LIST).content.decode()


def test_the_page_of_an_event_has_its_facts_and_links_to_what_else(root, rows, store):
    store()
    page = root.get(page_of(rows[2]))
    assert page.context["original"].action == "FAILED"
    shown = text(page)
    for part in ("ValueError", "Same user 2 events", "Same address 2 events", "anna"):
        assert part in shown
    assert "Same session of work only this event" in shown
    assert [each.action for each in page.context["around"]] == ["FAILED", "PAID"]


def test_the_page_of_an_event_shows_the_events_of_its_request(root, rows, store):
    store()
    page = root.get(page_of(rows[1]))
    assert [each.action for each in page.context["same_request"]] == ["OPENED"]
    assert "Same request 2 events" in text(page)
    assert "Same object only this event" in text(page)


def test_a_visitor_without_an_account_has_a_session_of_work(root, store):
    some = [event("A", seconds, {"ip": "192.0.2.9"}) for seconds in (0, 60, 7000)]
    store()
    assert "Same session of work 2 events" in text(root.get(page_of(some[0])))


def test_an_address_without_the_time_leads_to_the_event(root, rows, store):
    store()
    address = f"{LIST}{rows[1].pk}/change/"
    assert root.get(address).context["original"].action == "PAID"
    assert root.get(address + "?at=2020-01-01").context["original"].action == "PAID"
    assert root.get(f"{LIST}{rows[1].pk + 1000}/change/").status_code == 302


def test_the_neighbours_of_an_event_are_in_its_search(root, rows, store):
    store()
    page = root.get(page_of(rows[2]) + "&_changelist_filters=q%3Duser%3Aanna")
    assert page.context["newer"] is None
    older = root.get(page.context["older"])
    assert older.context["original"].action == "PAID"
    assert root.get(older.context["newer"]).context["original"].action == "FAILED"


def test_the_history_of_a_field_is_in_the_changes_of_the_object(root, rows, store):
    store()
    page = root.get(f"{LIST}{rows[1].pk}/field/", {"field": "state"})
    assert [(each.old, each.new) for each in page.context["history"].values] == [("new", "paid")]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_an_export_has_the_events_of_the_list(root, rows, store, kind):
    store()
    address = f"{LIST}export/{kind}/?q=user:anna&show=events"
    content = b"".join(root.get(address).streaming_content).decode()
    lines = content.splitlines()
    found = [json.loads(line) for line in lines] if kind == "jsonl" else [*csv.DictReader(lines)]
    assert [(each["action"], each["user"]) for each in found] == [("PAID", "anna")]


def test_a_filter_of_the_address_is_applied(root, rows, store):
    store()
    assert shown(root.get(LIST, {"action__exact": "PAID"})) == ["PAID"]
    assert shown(root.get(LIST, {"id__exact": rows[3].pk})) == ["GONE"]
    assert shown(root.get(LIST, {"user__exact": rows[1].user_id})) == ["FAILED", "PAID"]
    content = root.get(f"{LIST}export/jsonl/?id__exact={rows[3].pk}").streaming_content
    assert len(b"".join(content).splitlines()) == 1


def figures(page):
    return {each.name: each.text for each in page.context["overview"].figures()}


def test_the_overview_counts_all_events_or_those_of_a_search(root, rows, store):
    store()
    page = root.get(f"{LIST}overview/")
    found = figures(page)
    names = ("Events", "Requests", "Server errors", "Median", "Users")
    assert [found[name] for name in names] == ["4", "2", "1", "8 ms", "1"]
    rankings = {each.title: {row.name for row in each.rows}
                for each in page.context["overview"].rankings()}  # fmt: skip
    assert rankings["Actions"] == {"OPENED", "PAID", "FAILED", "GONE"}
    assert rankings["Pages"] == {"shop:order", "shop:x"}
    found = figures(root.get(f"{LIST}overview/", {"q": "user:anna", "by": "action"}))
    assert [found[name] for name in ("Events", "Requests")] == ["2", "1"]


def test_the_overview_is_compared_with_the_period_before(root, store):
    for days in (0, 7, 7, 8):
        event("A", -days * 86_400)
    store()
    for query in ({}, {"q": "action:A"}):
        first = root.get(f"{LIST}overview/", query).context["overview"].figures()[0]
        assert (first.text, first.change.text) == ("1", "\N{MINUS SIGN}50 %")


def test_the_timeline_has_the_newest_events_of_an_object(rows, store):
    store()
    tag = engines["django"].from_string("{% load eventlog %}{% event_timeline obj limit=5 %}")
    assert "PAID" in tag.render({"obj": rows[1].obj})
    assert "No event has been recorded." in tag.render({"obj": rows[1].user})
    assert "No event has been recorded." in tag.render({"obj": None})


def test_a_restriction_is_applied_to_every_page(root, rows, store, anna):
    event("SECRET", 4, user=anna, user_repr="anna")
    store()
    assert shown(root.get("/limited/eventlog/log/")) == ["FAILED", "PAID"]
    assert figures(root.get("/limited/eventlog/log/overview/"))["Events"] == "2"
    file = root.get("/limited/eventlog/log/export/jsonl/").streaming_content
    assert [json.loads(line)["action"] for line in b"".join(file).splitlines()] == [
        "FAILED",
        "PAID",
    ]
    names = [root.get(f"/limited/eventlog/log/{row.pk}/change/").status_code for row in rows]
    assert names == [302, 200, 200, 302]


def test_a_command_finds_the_views_that_are_recorded(
    backend, settings, django_capture_on_commit_callbacks
):
    settings.EVENTLOG = {**settings.EVENTLOG, "ACCESS": {"view": True}}
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            access.record_command_view("eventlog_search", "user:anna")
        assert get_backend().flush()
    ((count,),) = backend.table.server.query(f"SELECT count() FROM {backend.table.name}")
    assert count == 1


# Where ClickHouse cannot do what the database does


@pytest.fixture
def moved(rows, backend, copy):
    copy()
    Log.objects.all().delete()
    return rows


def test_a_restriction_that_cannot_be_applied_shows_no_event_and_the_reason(root, moved):
    for end in ("", "overview/", "export/csv/", "{}/change/", "{}/delete/", "{}/field/"):
        page = root.get(f"/joined/eventlog/log/{end.format(moved[1].pk)}")
        assert page.status_code == 403
        assert "No event is shown, because you may see only some of the events" in text(page)
        assert "ClickHouse cannot apply the condition" in text(page)


def test_a_filter_that_cannot_be_applied_is_refused(root, moved):
    for address in (LIST, f"{LIST}export/csv/"):
        response = root.get(address, {"timestamp__year": "2026"}, follow=True)
        assert "ClickHouse cannot apply the condition" in text(response)


def test_actions_and_deleting_are_hidden(root, moved):
    page = root.get(LIST, {"select": "1"})
    assert "action-select" not in page.content.decode()
    assert not page.context["has_actions"]
    assert root.post(f"{LIST}{moved[0].pk}/delete/", {"post": "yes"}).status_code == 403


def test_no_page_reads_the_table_of_events_in_the_database(root, moved):
    with CaptureQueriesContext(connection) as queries:
        for address in ("", "?q=user:anna&facets=1&pick=action", "overview/", "overview/?q=anna"):
            assert root.get(LIST + address).status_code == 200
        assert root.get(page_of(moved[1])).status_code == 200
        b"".join(root.get(f"{LIST}export/jsonl/").streaming_content)
    assert not [each["sql"] for each in queries if '"eventlog_log"' in each["sql"]]


@pytest.fixture
def _no_time_zones(settings):
    settings.USE_TZ, settings.TIME_ZONE = False, "Asia/Kolkata"


@pytest.mark.usefixtures("_no_time_zones")  # before a session has its time
def test_a_site_without_time_zones_has_each_page(root, anna, store):
    moment = timezone.make_naive(NOW)
    changes = {"changes": {"state": ["new", "paid"]}}
    obj = Widget.objects.create(name="sprocket")
    paid = write_request(changes, action="PAID", timestamp=moment, obj=obj, user=anna)
    write_request({"path": "/x/"}, action="SEEN", timestamp=moment - timedelta(days=2))
    store()
    period = f"from:{(moment - timedelta(days=3)).isoformat()} to:{moment.isoformat()}"
    assert shown(root.get(LIST)) == ["PAID", "SEEN"]
    assert shown(root.get(LIST, {"q": period})) == ["SEEN"]
    assert "Same user" in text(root.get(page_of(paid)))
    history = root.get(links.field_address("admin", paid, "state"))
    assert "paid" in text(history)
    assert len(root.get(f"{LIST}export/jsonl/").getvalue().splitlines()) == 2
    for query in ("", "action:PAID"):
        overview = root.get(f"{LIST}overview/", {"period": "7d", "q": query})
        assert overview.status_code == 200
    assert overview.context["overview"].counts.totals("all")[""] == 1
