"""The overview shows days and hours in the current time zone."""

from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from eventlog import admin
from eventlog.datetimes import DAY, HOUR
from eventlog.models import Log
from eventlog.models.hourly import CountedHour
from eventlog.review.dashboard import Overview
from eventlog.review.search.query import Search

pytestmark = [pytest.mark.django_db, pytest.mark.once]

PAGE = "/admin/eventlog/log/overview/"
# A zone and a local time, mostly shortly after its clocks changed.
CASES = [
    ("America/Los_Angeles", datetime(2026, 11, 4, 15)),
    ("America/Los_Angeles", datetime(2026, 3, 10, 9)),
    ("Europe/Berlin", datetime(2026, 10, 27, 1, 30)),
    ("Europe/Berlin", datetime(2026, 3, 30, 23, 59)),
    ("Asia/Kolkata", datetime(2026, 11, 25, 5, 10)),
    ("Asia/Kathmandu", datetime(2026, 11, 25, 0, 5)),
    ("Pacific/Kiritimati", datetime(2026, 11, 25, 12)),
    ("America/Santiago", datetime(2026, 9, 8, 3)),  # its clocks change at midnight
    ("Australia/Adelaide", datetime(2026, 10, 6, 3)),
]


@pytest.fixture(autouse=True)
def _patient(settings, monkeypatch):
    settings.EVENTLOG = {"REQUESTS": []}
    monkeypatch.setattr(admin, "COUNTING_SECONDS", 600)


@pytest.fixture
def at(settings, monkeypatch):
    def set_now(zone, wall, use_tz=True):
        settings.USE_TZ, settings.TIME_ZONE = use_tz, zone
        now = wall.replace(tzinfo=ZoneInfo(zone))
        monkeypatch.setattr(timezone, "now", lambda: now if use_tz else wall)
        return now

    return set_now


def events_around(now, hours=80):
    """Write events on both sides of every full and half hour."""
    end = now.astimezone(ZoneInfo("UTC"))
    Log.objects.bulk_create(
        Log(action=f"A{n % 3}", timestamp=end - n * timedelta(minutes=25))
        for n in range(1, hours * 60 // 25)
    )


@pytest.mark.parametrize(("zone", "wall"), CASES)
def test_every_column_leads_to_exactly_the_events_that_it_counted(root, at, zone, wall):
    now = at(zone, wall)
    events_around(now)
    Log.objects.create(action="FUTURE", timestamp=now + 3 * HOUR)
    for period in ("180d", "30d", "7d", "24h"):
        assert_columns_lead_to_their_events(root, zone, period)


def assert_columns_lead_to_their_events(root, zone, period):
    response = root.get(PAGE, {"period": period, "by": "action"})
    assert f"in the time zone {zone}" in response.content.decode()
    overview = response.context["overview"]
    assert not overview.counts.missing
    columns = overview.timeline()["table"]
    assert sum(column[2] for column in columns) == overview.total
    for _name, marks, count, address in columns:
        assert count == exactly(address)
        for mark in marks[:-1]:
            if mark.amount:
                assert mark.amount == exactly(mark.address)
    events = overview.figures()[0]
    assert events.text == f"{exactly(events.address):,}"


def exactly(address):
    """Return the number of events that a link finds."""
    search = Search.parse(parse_qs(urlsplit(address).query)["q"][0])
    assert not search.errors
    return Log.objects.filter(search.plan.condition).count()


@pytest.mark.parametrize(("zone", "wall"), CASES)
def test_a_column_is_a_day_of_the_site(root, at, zone, wall):
    now = at(zone, wall)
    events_around(now)
    by_day = {}
    for moment in Log.objects.values_list("timestamp", flat=True):
        local = moment.astimezone(ZoneInfo(zone))
        name = f"{local:%b} {local.day}"
        by_day[name] = by_day.get(name, 0) + 1
    table = root.get(PAGE, {"period": "30d"}).context["overview"].timeline()["table"]
    shown = {name.replace("Sept.", "Sep"): count for name, _, count, _ in table if count}
    assert {name.replace(".", ""): count for name, count in shown.items()} == by_day


def test_an_event_is_in_the_column_of_its_day_in_los_angeles(root, at):
    now = at("America/Los_Angeles", datetime(2026, 11, 25, 12))
    when = datetime(2026, 11, 23, 10, 30, tzinfo=now.tzinfo)
    Log.objects.create(action="X", timestamp=when)
    table = root.get(PAGE, {"period": "30d"}).context["overview"].timeline()["table"]
    assert [name for name, _, count, _ in table if count] == ["Nov 23"]


@pytest.mark.parametrize(
    ("wall", "day", "hours"), [((2026, 10, 27, 12), 25, 25), ((2026, 3, 31, 12), 29, 23)]
)
def test_a_day_has_as_many_hours_as_its_clocks_show(at, wall, day, hours):
    now = at("Europe/Berlin", datetime(*wall))
    Log.objects.bulk_create(
        Log(action="X", timestamp=now.astimezone(ZoneInfo("UTC")) - n * HOUR) for n in range(120)
    )
    overview = Overview("30d", "status", "admin")
    overview.refresh(600)
    overview = Overview("30d", "status", "admin")
    lengths = {bucket.name: (bucket.end - bucket.start) // HOUR for bucket in overview.buckets}
    (name,) = [name for name in lengths if name.endswith(f" {day}")]
    assert lengths[name] == hours
    assert {name: count for name, _, count, _ in overview.timeline()["table"]}[name] == hours


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/Los_Angeles", "Asia/Kathmandu"])
def test_the_week_is_in_local_time(at, zone):
    now = at(zone, datetime(2026, 11, 25, 12))
    Log.objects.create(action="X", timestamp=datetime(2026, 11, 23, 0, 1, tzinfo=now.tzinfo))
    Log.objects.create(action="X", timestamp=datetime(2026, 11, 22, 23, 59, tzinfo=now.tzinfo))
    assert Overview("7d", "status", "admin").refresh(600)
    week = Overview("7d", "status", "admin").week()["table"]
    assert (week[0][1][0], week[6][1][23]) == (1, 1)


def test_an_activated_zone_replaces_the_zone_of_the_site(root, at):
    now = at("Europe/Berlin", datetime(2026, 11, 25, 12))
    events_around(now, 72)
    for zone in ("America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati"):
        with timezone.override(zone):
            overview = Overview("30d", "status", "admin")
            overview.refresh(600)
            overview = Overview("30d", "status", "admin")
            assert overview.zone == zone
            for _name, _marks, count, address in overview.timeline()["table"]:
                assert count == exactly(address)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata", "America/Los_Angeles"])
def test_without_time_zones_every_column_leads_to_its_events(root, at, zone):
    at(zone, datetime(2026, 10, 27, 12), use_tz=False)
    Log.objects.bulk_create(
        Log(action="A", timestamp=datetime(2026, 10, 27, 12) - n * timedelta(minutes=25))
        for n in range(1, 200)
    )
    for period in ("180d", "30d", "7d", "24h"):
        assert_columns_lead_to_their_events(root, zone, period)


def test_hours_are_counted_again_for_a_time_zone_that_starts_at_other_minutes(at, root):
    events_around(at("Europe/Berlin", datetime(2026, 11, 25, 12)))
    root.get(PAGE, {"period": "7d"})
    assert CountedHour.objects.exists()
    at("Asia/Kolkata", datetime(2026, 11, 25, 16, 30))
    overview = root.get(PAGE, {"period": "30d"}).context["overview"]
    assert {hour.minute for hour in overview.counts.by_hour()} == {30}
    assert sum(count for _, _, count, _ in overview.timeline()["table"]) == Log.objects.count()


def test_a_day_that_a_zone_skipped_has_no_column(at):
    at("Pacific/Apia", datetime(2012, 1, 4, 12))
    buckets = Overview("30d", "status", "admin").buckets
    assert {bucket.end - bucket.start for bucket in buckets} <= {DAY, 12 * HOUR}
    assert len({bucket.name for bucket in buckets}) == len(buckets) == 30
