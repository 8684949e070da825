"""Both readers answer alike: the database's and ClickHouse's."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from random import Random

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db.models import Q
from django.utils import timezone

import eventlog
from eventlog.contrib.clickhouse.columns import WRITTEN
from eventlog.contrib.clickhouse.rows import event_values
from eventlog.management.commands.eventlog_tail import Command as Tail
from eventlog.models import Log
from eventlog.review.database_reader import DatabaseReader
from eventlog.review.export.formats import FORMATS
from eventlog.review.facets import facets
from eventlog.review.pagination import Cursor
from eventlog.review.search.query import InvalidSearch
from eventlog.stats import stats

from ...events import write_request
from ...shop.models import Widget

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
# Random digits, because PostgreSQL loads a document in full that compresses to a small size.
LARGE = Random(1).randbytes(10_000).hex()


@pytest.fixture(params=["database", "clickhouse"])
def reader(request, backend, copy):
    """Return a function that returns the reader of the events that a test wrote."""

    def choose():
        if request.param == "database":
            return DatabaseReader()
        copy()
        Log.objects.all().delete()  # the database needs no events
        return eventlog.reader()

    return choose


def event(action, seconds=0, extra=None, **values):
    moment = START + timedelta(seconds=seconds)
    return write_request(extra or {}, action=action, timestamp=moment, **values)


def actions(events):
    return [each.action for each in events]


def plan(reader, text):
    search = reader.parse(text)
    assert not search.errors
    return search.plan


def test_pages_lead_to_older_and_newer_events(reader):
    for number in range(7):
        event(f"A{number}", number // 2)
    found = reader()
    first = found.page(size=3)
    second = found.page(size=3, older=first.older)
    third = found.page(size=3, older=second.older)
    assert actions(first.events) == ["A6", "A5", "A4"]
    assert actions(second.events) == ["A3", "A2", "A1"]
    assert actions(third.events) == ["A0"]
    assert (first.newer, third.older) == (None, None)
    back = found.page(size=3, newer=third.newer)
    assert (actions(back.events), back.older) == (["A3", "A2", "A1"], second.older)


def test_a_page_has_the_events_that_a_search_finds(reader, anna):
    event("HERS", user=anna, user_repr="anna", extra={"status": 500})
    event("OTHER", extra={"path": "/x"})
    found = reader()
    (hers,) = found.page(plan(found, "user:anna status:5xx")).events
    assert (hers.action, hers.user, hers.user_name) == ("HERS", anna, "anna")
    assert actions(found.page(plan(found, "path:/x")).events) == ["OTHER"]


def test_an_event_has_all_its_values(reader, anna):
    widget = Widget.objects.create(name="sprocket")
    facts = {"path": "/x", "status": 404, "ip": "192.0.2.7", "duration_ms": 7.5, "own": [None, 1]}
    stored = event("PAID", 1, facts, user=anna, user_repr="anna", obj=widget, own_keys=",path,")
    found = reader()
    (read,) = found.page().events
    names = [field.attname for field in Log._meta.concrete_fields if field.name != "uid"]
    assert [getattr(read, name) for name in names] == [getattr(stored, name) for name in names]
    assert read.facts == {key: facts[key] for key in ("status", "ip", "duration_ms")}
    assert (read.user, read.content_type.model) == (anna, "widget")


def test_a_large_document_is_loaded_in_part_and_in_full(reader):
    extra = {"path": "/x", "status": 200, "title": LARGE}
    event("LARGE", extra=extra)
    event("SMALL", 1, {"a": 1})
    found = reader()
    small, large = found.page().events
    assert (small.full_size, small.extra) == (0, {"a": 1})
    assert large.full_size > len(LARGE)
    assert large.extra == {"path": "/x", "status": 200}
    ((full_small, full_large),) = found.with_full_extra([small, large])
    assert (full_small.extra, full_large.extra) == ({"a": 1}, extra)


def test_a_count_stops_at_its_limit(reader):
    for number in range(5):
        event("A" if number else "B", number)
    found = reader()
    assert found.count(plan(found, "action:A"), 10) == 4
    assert found.count(plan(found, "action:A"), 2) == 3
    assert found.count(plan(found, "action:A from:2026-05-01T12:00:03Z"), 9) == 2


@pytest.mark.parametrize("text", ["", "action:A", "path:/x"])
@pytest.mark.parametrize("days", [0.01, 1, 40, 200])
def test_a_timeline_counts_the_events_of_each_bar(reader, text, days):
    for hours in (0, 0, 1, 30, 700, 4000):
        event("A", -hours * 3600, {"path": "/x"})
    found = reader()
    start = START - timedelta(days=days)
    shown = found.timeline(plan(found, text), start, START + timedelta(seconds=1))
    expected = [hours for hours in (0, 0, 1, 30, 700, 4000) if START - timedelta(hours=hours)
                >= shown.spans[0].start]  # fmt: skip
    assert sum(span.events for span in shown.spans) == len(expected)
    last = next(span for span in shown.spans if span.start <= START < span.end)
    assert last.events >= 2


def test_facets_count_the_newest_events(reader):
    for status in (200, 200, 404):
        event("A", extra={"status": status})
    found = reader()
    shown = facets(found.page(size=1000).events, str, str)
    values = {str(facet.title): [(str(v.label), v.events) for v in facet.values] for facet in shown}
    assert values["Status"] == [("200", 2), ("404", 1)]


def test_an_event_is_found_by_its_key_and_time(reader):
    stored = event("A")
    found = reader()
    assert found.event(stored.pk).action == "A"
    assert found.event(stored.pk, stored.timestamp).action == "A"
    assert found.event(stored.pk, stored.timestamp - timedelta(seconds=1)) is None
    assert found.event(stored.pk + 1) is None


def test_neighbours_are_in_the_same_search(reader):
    for number, action in enumerate("ABABA"):
        event(action, number)
    found = reader()
    middle = found.page().events[2]
    newer, older = found.neighbours(middle, plan(found, "action:A"))
    assert (newer.timestamp, older.timestamp) == (START + timedelta(seconds=4), START)
    assert found.neighbours(newer, plan(found, "action:A")).newer is None


def test_the_events_of_a_request_are_found(reader):
    for number, request_id in enumerate(("r1", "r2", "r1")):
        event(f"A{number}", number, {"request_id": request_id})
    event("A3", 3, {"request_id": "r1"}, own_keys=",request_id,")
    found = reader()
    some = found.same_request(found.page().events[-1])
    assert actions(found.events_at(some)[0]) == ["A0", "A2"]
    assert found.same_request(found.page().events[0]) == []
    assert found.events_at() == []


def test_an_export_has_every_event_once(reader, monkeypatch):
    for module in ("eventlog.review.export.formats", "eventlog.contrib.clickhouse.reader"):
        monkeypatch.setattr(f"{module}.CHUNK_EVENTS", 2)
    for number in range(5):
        event(f"A{number}", number, {"title": LARGE})
    found = reader()
    exported = [row for chunk in found.chunks() for row in chunk]
    assert actions(exported) == ["A4", "A3", "A2", "A1", "A0"]
    assert {row.extra["title"] for row in exported} == {LARGE}
    lines = b"".join(FORMATS["jsonl"].write(found.chunks(plan(found, "action:A1")))).splitlines()
    assert [json.loads(line)["action"] for line in lines] == ["A1"]


def test_the_counts_of_a_period_are_those_of_its_events(reader, anna):
    now = timezone.now().replace(microsecond=0)
    for number in range(6):
        write_request(
            {"status": 500 if number == 5 else 200, "view": "shop:home", "duration_ms": 7 + number,
             "device_type": "bot" if number == 1 else "pc", "browser": "Firefox 140",
             "exception": "ValueError" if number == 5 else None, "ip": f"192.0.2.{number % 2}"},
            action=f"A{number % 2}", timestamp=now - timedelta(hours=number),
            user=anna if number < 2 else None, user_repr="anna" if number < 2 else "",
        )  # fmt: skip
    Log.objects.create(action="PAID", timestamp=now)
    found = reader()
    start, end = now - timedelta(days=1), now + timedelta(seconds=1)
    counts = found.overview(start, end, plan(found, ""))
    dimensions = ("all", "action", "status", "device", "browser", "exception", "visitor", "page",
                  "failed", "address", "user", "ms10", "ms20")  # fmt: skip
    totals = {name: {k: v for k, v in counts.totals(name).items() if v} for name in dimensions}
    assert totals == {
        "all": {"": 7},
        "action": {"A0": 3, "A1": 3, "PAID": 1},
        "status": {"2xx": 5, "5xx": 1},
        "device": {"pc": 5, "bot": 1},
        "browser": {"Firefox": 5},
        "exception": {"ValueError": 1},
        "visitor": {"known": 2, "anonymous": 4},
        "page": {"shop:home": 6},
        "failed": {"shop:home": 1},
        "address": {"192.0.2.0": 3, "192.0.2.1": 3},
        "user": {"anna": 2},
        "ms10": {"shop:home": 4},
        "ms20": {"shop:home": 2},
    }
    assert sum(counts.by_hour().values()) == 7
    assert len(counts.by_hour()) == 6
    assert counts.users == {anna.pk}
    assert found.users(counts) == (1, 0)
    bounds = sorted(counts.by_hour())
    over_time = counts.over_time("status", ["2xx", "5xx"], bounds)
    assert +over_time[0] == {"5xx": 1}
    assert [each.total() for each in counts.over_time("all", [""], bounds)] == [1, 1, 1, 1, 1, 2]


def test_a_follower_finds_what_was_stored_since(reader, request):
    is_database = request.node.callspec.params["reader"] == "database"
    event("OLD", -60)
    found = reader()
    following = found.follow("action:N*")
    if is_database:
        event("NEW", -30)
        event("OTHER")
    else:
        backend = request.getfixturevalue("backend")
        rows = [event_values(event(name), "b2") for name in ("NEW", "OTHER")]
        backend.table.server.insert(backend.table.name, WRITTEN, rows, {"async_insert": 0})
    assert [actions(chunk) for chunk in following.new()] == [["NEW"]]
    assert [*following.new()] == []


def test_eventlog_search_and_eventlog_tail_read_the_configured_store(backend, copy):
    event("A", extra={"path": "/x", "title": LARGE})
    event("B", 1)
    copy()
    Log.objects.all().delete()
    out = StringIO()
    call_command("eventlog_search", "path:/x", "--format=json", stdout=out)
    (line,) = map(json.loads, out.getvalue().splitlines())
    assert (line["action"], line["extra"]["title"]) == ("A", LARGE)

    def stop(seconds):
        raise KeyboardInterrupt

    command, out = Tail(), StringIO()
    command.wait = stop
    call_command(command, "--json", stdout=out)
    assert [json.loads(line)["action"] for line in out.getvalue().splitlines()] == ["A", "B"]


def test_active_users_are_counted_in_the_configured_store(backend, copy, anna):
    for days, user in ((1, anna), (20, get_user_model().objects.create_user("bert"))):
        write_request({}, action="A", user=user, timestamp=timezone.now() - timedelta(days=days))
    copy()
    Log.objects.all().delete()
    found = stats()
    assert (found["used_seven"], found["used_thirty"]) == (1, 2)


def test_users_are_counted_from_a_minute_on(reader, anna):
    event("A", user=anna)
    get_user_model().objects.update(date_joined=START - timedelta(minutes=1))
    found = reader()
    assert found.users_since(START) == (1, 1)
    assert found.users_since(START - timedelta(minutes=2)) == (1, 0)
    assert found.users_since(START + timedelta(seconds=1)) == (0, 0)


def test_a_condition_that_the_store_cannot_apply_is_refused(backend):
    found = eventlog.reader()
    wanted = found.parse("")

    with pytest.raises(InvalidSearch):
        found.page(wanted.plan._replace(residual=Q(user__username="anna")))


def test_a_cursor_survives_its_text(reader):
    event("A", 0.000001)
    found = reader()
    (read,) = found.page().events
    cursor = Cursor.read(str(Cursor(read.timestamp, read.pk)))
    assert found.page(older=cursor).events == []
