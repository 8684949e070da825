"""Each bar of the chart above the list has the events of its time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.utils import timezone

from eventlog.datetimes import DAY, HOUR, MINUTE, aware
from eventlog.models import Log
from eventlog.review.histogram import histogram
from eventlog.review.search.query import Search

pytestmark = pytest.mark.django_db

CASES = [  # a zone and a local time, mostly shortly after its clocks changed
    ("UTC", datetime(2026, 11, 25, 12), True),
    ("America/Los_Angeles", datetime(2026, 11, 4, 15), True),
    ("Europe/Berlin", datetime(2026, 10, 27, 1, 30), True),
    ("Europe/Berlin", datetime(2026, 3, 30, 23, 59), True),
    ("Asia/Kathmandu", datetime(2026, 11, 25, 0, 5), True),
    ("America/Santiago", datetime(2026, 9, 8, 3), True),  # its clocks change at midnight
    ("Asia/Kolkata", datetime(2026, 11, 25, 5, 10), False),
    ("Europe/Berlin", datetime(2026, 10, 20, 12), False),
    ("Europe/Berlin", datetime(2026, 10, 25, 4), False),
]
LENGTHS = [10 * MINUTE, 3 * HOUR, 3 * DAY, 30 * DAY, 200 * DAY]


@pytest.fixture
def at(settings, monkeypatch):
    def set_now(zone, wall, use_tz):
        settings.USE_TZ, settings.TIME_ZONE = use_tz, zone
        now = wall.replace(tzinfo=ZoneInfo(zone))
        monkeypatch.setattr(timezone, "now", lambda: now.astimezone(UTC) if use_tz else wall)
        return now.astimezone(UTC)

    return set_now


def write(moments, use_tz):
    Log.objects.bulk_create(
        Log(action="A", timestamp=moment if use_tz else timezone.make_naive(moment))
        for moment in moments
    )


@pytest.mark.parametrize("length", LENGTHS, ids=str)
@pytest.mark.parametrize(("zone", "wall", "use_tz"), CASES)
def test_each_bar_has_the_events_of_its_time(at, zone, wall, use_tz, length):
    now = at(zone, wall, use_tz)
    write((now - n * length / 150 - timedelta(microseconds=1) for n in range(150)), use_tz)
    start = timezone.now() - length
    found = histogram(
        Log.objects.all(), Search.parse("action:A").plan, start, timezone.now(), is_whole=False
    )
    moments = [aware(moment) for moment in Log.objects.values_list("timestamp", flat=True)]
    expected = [sum(span.start <= each < span.end for each in moments) for span in found.spans]
    assert [span.events for span in found.spans] == expected
    assert sum(expected) == 150


@pytest.mark.parametrize("use_tz", [True, False])
@pytest.mark.parametrize("length", [6 * HOUR, 16 * HOUR, 30 * HOUR, 3 * DAY], ids=str)
@pytest.mark.parametrize(
    ("zone", "wall"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, 5)),
        ("Europe/Berlin", datetime(2026, 10, 25, 5)),
        ("Australia/Lord_Howe", datetime(2026, 10, 4, 5)),
        ("America/Santiago", datetime(2026, 9, 6, 4)),
    ],
)
def test_bars_follow_one_another_where_the_clocks_change(at, zone, wall, length, use_tz):
    now = at(zone, wall, use_tz)
    write((now - n * length / 150 - timedelta(microseconds=1) for n in range(150)), use_tz)
    start = timezone.now() - length
    plan = Search.parse("action:A").plan
    found = histogram(Log.objects.all(), plan, start, timezone.now(), is_whole=False)
    starts = [span.start.astimezone(UTC) for span in found.spans]
    assert starts == sorted({*starts})
    moments = [aware(moment) for moment in Log.objects.values_list("timestamp", flat=True)]
    expected = [sum(span.start <= each < span.end for each in moments) for span in found.spans]
    assert [span.events for span in found.spans] == expected


@pytest.fixture
def _columns_of_berlin(monkeypatch):
    if connection.vendor == "postgresql":
        pytest.skip("PostgreSQL stores instants")
    # Django reads this again whenever a test sets TIME_ZONE.
    monkeypatch.setitem(connection.settings_dict, "TIME_ZONE", "Europe/Berlin")


@pytest.mark.usefixtures("_columns_of_berlin")
@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Asia/Kolkata", "UTC"])
@pytest.mark.parametrize("day", [datetime(2026, 3, 29), datetime(2026, 10, 25)], ids=str)
def test_each_bar_has_its_events_where_the_clocks_of_the_database_change(at, zone, day):
    now = at(zone, day + 14 * HOUR, True)
    assert connection.timezone == ZoneInfo("Europe/Berlin")
    write((now - n * 10 * MINUTE for n in range(1, 150)), True)
    start = now - 3 * DAY
    found = histogram(Log.objects.all(), Search.parse("action:A").plan, start, now, is_whole=False)
    moments = [*Log.objects.values_list("timestamp", flat=True)]
    expected = [sum(span.start <= each < span.end for each in moments) for span in found.spans]
    assert [span.events for span in found.spans] == expected
    assert sum(expected) == 149


def test_a_bar_has_the_events_of_the_instants_at_its_edges(at):
    now = at("UTC", datetime(2026, 11, 25, 12), True)
    edge = now - 2 * HOUR
    write([edge - timedelta(microseconds=1), edge, edge, edge + HOUR], True)
    found = histogram(
        Log.objects.all(), Search.parse("action:A").plan, now - 60 * HOUR, now, is_whole=False
    )
    by_start = {span.start.astimezone(UTC): span.events for span in found.spans if span.events}
    assert by_start == {edge - HOUR: 1, edge: 2, edge + HOUR: 1}


def test_a_search_without_events_has_empty_bars(at):
    now = at("UTC", datetime(2026, 11, 25, 12), True)
    write([now - HOUR], True)
    for search in ("action:B", "user:unknown"):
        plan = Search.parse(search).plan
        found = histogram(Log.objects.all(), plan, now - DAY, now, is_whole=False)
        assert not any(span.events for span in found.spans)
