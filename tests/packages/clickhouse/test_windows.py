"""Pages of ClickHouse read windows of time until they have enough events."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

import eventlog
from eventlog.contrib.clickhouse import reader as reader_module
from eventlog.contrib.clickhouse import windows
from eventlog.models import Log
from eventlog.review.pagination import OLDEST, Cursor

from ...events import write_request

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
SEARCHES = ["", "action:RARE", "status:5xx", "path:/b", "action:RARE path:/b", "to:2026-05-20"]


def fill(copy, count=60):
    """Write events at random times of half a year, with the first ones at the same time."""
    random = Random(4)
    for number in range(count):
        hours = 0 if number < 5 else random.uniform(0, 24 * 180)
        write_request(
            {"status": random.choice([200, 200, 503]), "path": random.choice(["/a", "/b"])},
            action=random.choice(["USUAL", "USUAL", "USUAL", "RARE"]),
            timestamp=START + timedelta(hours=hours),
        )
    copy()


def found_by(text):
    events = Log.objects.search(text).order_by("-timestamp", "-pk")
    return [*events.values_list("pk", flat=True)]


def walk(reader, plan, direction, cursor=None):
    """Return the keys of all pages in a direction, each in the order of the list."""
    while True:
        page = reader.page(plan, 7, **{direction: cursor} if cursor else {})
        yield [event.pk for event in page.events]
        if (cursor := getattr(page, direction) or page.scanned_until) is None:
            return


@pytest.mark.parametrize("sizes", [(1,), (1, 3, 10), (20, 40), (1000,)])
@pytest.mark.parametrize("text", SEARCHES)
def test_the_pages_of_a_search_have_every_event_once(backend, copy, monkeypatch, sizes, text):
    monkeypatch.setattr(windows, "SIZES", sizes)
    fill(copy)
    reader = eventlog.reader()
    plan = reader.parse(text).plan
    assert [key for page in walk(reader, plan, "older") for key in page] == found_by(text)
    pages = [*walk(reader, plan, "newer", Cursor.read(OLDEST))]
    assert [key for page in reversed(pages) for key in page] == found_by(text)


@pytest.mark.parametrize("text", ["path:/b", "action:RARE path:/b"])
def test_a_check_of_every_event_stops_at_its_limit_and_goes_on_there(
    backend, copy, monkeypatch, text
):
    monkeypatch.setattr(windows, "CHECKED_EVENTS", 1)
    monkeypatch.setattr(windows, "CHECKED_WITH_INDEX", 2)
    fill(copy)
    reader = eventlog.reader()
    plan = reader.parse(text).plan
    first = reader.page(plan, 50, scan_limit=10)
    assert first.scanned_until is not None
    expected = [
        key
        for key, moment in Log.objects.search(text).values_list("pk", "timestamp")
        if moment >= first.scanned_until.timestamp
    ]
    assert sorted(event.pk for event in first.events) == sorted(expected)
    found, cursor = [], None
    while True:
        page = reader.page(plan, 50, older=cursor, scan_limit=10)
        found += [event.pk for event in page.events]
        if (cursor := page.older or page.scanned_until) is None:
            break
    assert found == found_by(text)


def test_a_chart_says_from_where_it_counted(backend, copy, monkeypatch):
    monkeypatch.setattr(windows, "CHECKED_EVENTS", 1)
    monkeypatch.setattr(reader_module, "SCAN_LIMIT", 10)
    fill(copy)
    reader = eventlog.reader()
    plan = reader.parse("path:/b").plan
    shown = reader.timeline(plan, START, START + timedelta(days=180))
    assert START < shown.counted_from < START + timedelta(days=180)
    counted = Log.objects.search("path:/b").filter(timestamp__gte=shown.counted_from)
    assert sum(span.events for span in shown.spans) == counted.count()


def test_a_chart_of_all_events_counts_the_first_and_the_last_part(backend, copy):
    fill(copy)
    reader = eventlog.reader()
    start, end = START + timedelta(minutes=7), START + timedelta(days=99, minutes=7)
    text = f"from:{start.isoformat()} to:{end.isoformat()}"
    shown = reader.timeline(reader.parse(text).plan, start, end)
    within = Log.objects.filter(timestamp__gte=start, timestamp__lt=end)
    assert sum(span.events for span in shown.spans) == within.count()
    assert reader.actions(start, end).counts.total() == within.count()
