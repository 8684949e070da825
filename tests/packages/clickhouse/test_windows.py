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
CLOCKS_TURNED_BACK = {
    "Europe/Berlin": datetime(2026, 10, 25, 1, tzinfo=UTC),
    "Australia/Lord_Howe": datetime(2026, 4, 4, 15, tzinfo=UTC),
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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


def write(minutes, start=START, **facts):
    write_request(facts, timestamp=start + timedelta(minutes=minutes))


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


@pytest.mark.parametrize("direction", ["older", "newer"])
def test_a_check_goes_on_after_a_quarter_of_an_hour_with_more_events_than_its_limit(
    backend, copy, monkeypatch, direction
):
    monkeypatch.setattr(windows, "CHECKED_EVENTS", 1)
    for minutes in (0, 20, 20, 20, 20, 40):
        write(minutes, path="/a" if minutes == 20 else "/b")
    copy()
    reader = eventlog.reader()
    plan = reader.parse("path:/b").plan
    found, cursor = [], Cursor.read(OLDEST) if direction == "newer" else None
    for _page in range(5):
        page = reader.page(plan, 7, **{direction: cursor}, scan_limit=2)
        found += [event.pk for event in page.events]
        if (cursor := getattr(page, direction) or page.scanned_until) is None:
            break
    assert cursor is None
    assert sorted(found) == sorted(found_by("path:/b"))


def test_the_first_window_of_the_oldest_page_starts_in_the_period(backend, copy, monkeypatch):
    monkeypatch.setattr(windows, "CHECKED_EVENTS", 1)
    for hours in range(10):
        write(hours * 60, path="/b")
    copy()
    reader = eventlog.reader()
    plan = reader.parse(f"path:/b from:{(START + timedelta(hours=8)).isoformat()}").plan
    assert len(reader.page(plan, 7, newer=Cursor.read(OLDEST), scan_limit=2).events) == 2


def test_a_page_checks_at_least_one_event(backend, copy):
    write(0, path="/b")
    copy()
    reader = eventlog.reader()
    plan = reader.parse("path:/b").plan
    assert len(reader.page(plan, 7, scan_limit=0).events) == 1


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe"])
@pytest.mark.parametrize("text", ["", "path:/b", "action:X"])
def test_pages_without_time_zones_have_the_events_of_the_hour_that_clocks_show_twice(
    backend, copy, settings, monkeypatch, zone, text
):
    settings.TIME_ZONE = zone
    monkeypatch.setattr(windows, "SIZES", (1, 3, 10))
    for minutes in range(-60, 120, 10):
        write(minutes, CLOCKS_TURNED_BACK[zone], path="/b")
    copy()
    settings.USE_TZ = False
    reader = eventlog.reader()
    plan = reader.parse(text).plan
    for direction, cursor in (("older", None), ("newer", Cursor.read(OLDEST))):
        found = []
        while True:
            page = reader.page(plan, 3, **{direction: cursor})
            found += [event.pk for event in page.events]
            if (following := getattr(page, direction)) is None:
                break
            cursor = Cursor.read(str(following))
        assert sorted(found) == sorted(found_by(text))
        assert len(found) == 18


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


def test_a_chart_ends_where_the_period_of_its_search_ends(backend, copy):
    for hours in range(20):
        write(hours * 60)
    copy()
    reader = eventlog.reader()
    plan = reader.parse(f"to:{(START + timedelta(hours=8)).isoformat()}").plan
    shown = reader.timeline(plan, START, START + timedelta(hours=60))
    assert sum(span.events for span in shown.spans) == 8


@pytest.mark.parametrize("text", ["", "action:X"])
def test_numbers_of_events_around_1970_have_each_event_once(backend, copy, text):
    moments = [EPOCH + timedelta(hours=hours) for hours in (-30, -5, -0.2, 0, 30)]
    moments.append(EPOCH - timedelta(microseconds=1))
    for moment in moments:
        write(0, moment)
    copy()
    reader = eventlog.reader()
    start, end = EPOCH - timedelta(days=2), EPOCH + timedelta(days=2)
    plan = reader.parse(text).plan
    shown = reader.timeline(plan, start, end)
    expected = [sum(span.start <= each < span.end for each in moments) for span in shown.spans]
    assert [span.events for span in shown.spans] == expected
    assert reader.actions(EPOCH, end).counts.total() == 2
    counts = reader.overview(start, end, plan if text else None)
    assert counts.totals("all")[""] == 6
    assert sorted(counts.by_hour().values()) == [1, 1, 1, 1, 2]


def test_an_offset_of_seconds_has_bars_too(backend, copy, settings):
    settings.TIME_ZONE = "Africa/Monrovia"  # 44 minutes and 30 seconds behind UTC until 1972
    for minutes in range(0, 300, 5):
        write(minutes, EPOCH)
    copy()
    reader = eventlog.reader()
    shown = reader.timeline(reader.parse("").plan, EPOCH, EPOCH + timedelta(hours=20))
    moments = [*Log.objects.values_list("timestamp", flat=True)]
    expected = [sum(span.start <= each < span.end for each in moments) for span in shown.spans]
    assert [span.events for span in shown.spans] == expected


def test_addresses_below_a_thousand_have_their_exact_numbers(backend, copy):
    midnight = START.replace(hour=0)
    for number in range(150):
        for _time in range(2):
            write(0, midnight, ip=f"192.0.2.{number}")
    for hours in (0, 30, 31):  # two of them after the last whole day
        write(hours * 60, midnight, ip="198.51.100.1")
    copy()
    end = midnight + timedelta(hours=36)
    addresses = eventlog.reader().overview(midnight, end).totals("address")
    assert addresses.most_common(1) == [("198.51.100.1", 3)]
