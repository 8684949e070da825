from collections import Counter
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import transaction
from django.urls import resolve, reverse
from django.utils import timezone

from eventlog.backends.delivery import deliver
from eventlog.hours import HourCount, RolledHour
from eventlog.models import Log, log
from eventlog.moments import aware, hour_of
from eventlog.records import Record
from eventlog.review import counts
from eventlog.review.tally import Tally, count_actions, percentile

from .settings import DB

pytestmark = pytest.mark.django_db

NOW = timezone.now()
LONG_AGO = hour_of(NOW - timedelta(days=3))


@pytest.fixture(autouse=True)
def _quiet(settings):
    settings.EVENTLOG = {"REQUESTS": []}


def event(action="X", at=LONG_AGO, **extra):
    return Log.objects.create(action=action, timestamp=at + timedelta(minutes=5), extra=extra)


def count(*args):
    call_command("eventlog_count", *args, stdout=StringIO())


def tally():
    return Tally(NOW - timedelta(days=7), timezone.now())


def by_hand(dimension):
    """The same from the rows themselves."""
    read = {
        "all": lambda row: "",
        "action": lambda row: row.action,
        "status": lambda row: f"{str(row.extra['status'])[0]}xx" if "status" in row.extra else None,
        "page": lambda row: row.extra.get("view"),
        "device": lambda row: row.extra.get("device_type"),
    }[dimension]
    found = Counter(map(read, Log.objects.since(tally().start)))
    del found[None]
    return found


@pytest.fixture
def history():
    for hours in range(30):
        at = NOW - timedelta(hours=hours, minutes=6)  # event() adds five: none is to come
        for n in range(hours % 4 + 1):
            event(f"A{n}", at, status=(200, 404, 500)[n % 3], view=f"v{n}", device_type="pc")


@pytest.mark.parametrize("dimension", ["all", "action", "status", "page", "device"])
def test_counts_are_right_to_the_row(history, dimension):
    count()
    assert not tally().missing
    assert tally().totals(dimension) == by_hand(dimension)
    for over_time in (tally().by_hour, tally().by_day):
        counts = over_time(dimension, list(by_hand(dimension)))
        assert sum(counts.values(), Counter()) == by_hand(dimension)


@pytest.mark.parametrize(
    ("start", "end"),
    [(72, 0), (29.99, 7.3), (5.2, 5.1), (5.2, 4.9), (1.5, 0), (48, 40), (26, -9999)],
)
def test_actions_are_counted_to_the_moment(history, start, end):
    count()
    start, end = (NOW - timedelta(hours=hours) for hours in (start, end))
    exactly = Counter(Log.objects.between(start, min(end, NOW)).values_list("action", flat=True))
    assert count_actions(start, end) == (exactly, 0)


@pytest.mark.filterwarnings("ignore:DateTimeField .* received a naive datetime")
@pytest.mark.parametrize("moment", ["2026-03-01T12:00:00+00:00", datetime(2026, 3, 1, 12)])
def test_an_event_may_be_saved_with_any_time_that_django_takes(history, moment):
    count()
    Log.objects.create(action="X", timestamp=moment)
    Log.objects.bulk_create([Log(action="X", timestamp=moment)])
    assert Log.objects.filter(action="X").count() == 2
    Log(action="X", timestamp=moment).save()


def test_the_overview_counts_in_transactions_of_its_own():
    assert resolve(reverse("admin:eventlog_log_overview")).func._non_atomic_requests == {"default"}


def test_the_hour_that_autumn_repeats_is_counted_once(settings, monkeypatch):
    settings.USE_TZ, settings.TIME_ZONE = False, "Europe/Berlin"
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 10, 26, 12))
    Log.objects.create(action="X", timestamp=datetime(2026, 10, 24, 12))
    missing = counts.hours_to_roll()
    assert len(missing) == 48
    for hour in missing:
        counts.roll(hour, "default")
    assert counts.hours_to_roll() == []


def test_the_years_between_an_old_event_and_the_next_are_not_counted(monkeypatch):
    monkeypatch.setattr(counts, "SHOWN", timedelta(days=2))
    long_ago, then = datetime(1970, 1, 1, 12, tzinfo=UTC), NOW - timedelta(days=900)
    event("OLD", long_ago)
    event("X", then)
    count()
    assert RolledHour.objects.count() < 24 * (counts.SHOWN.days + 5)
    assert counts.hours_to_roll() == []
    assert count_actions(long_ago, NOW) == ({"OLD": 1, "X": 1}, 0)
    Log.objects.filter(action="X").delete()
    count()
    assert count_actions(long_ago, NOW) == ({"OLD": 1}, 0)


def test_hours_that_are_not_counted_yet_are_told():
    event("OLD")
    assert count_actions(NOW - timedelta(days=7), NOW)[1] > 24
    assert count_actions(LONG_AGO, LONG_AGO + timedelta(minutes=30)) == ({"OLD": 1}, 0)


def test_a_day_that_is_over_is_added_up_once(history):
    count()
    days = HourCount.objects.filter(dimension="all/d")
    assert days.exists()
    for day in days:
        within = HourCount.objects.filter(
            dimension="all", hour__gte=day.hour, hour__lt=day.hour + timedelta(days=1)
        )
        assert day.count == sum(hour.count for hour in within)


def late():
    event("LATE")


def waited():
    record = Record.build(None, "LATE", {}, None, LONG_AGO)
    deliver("batch", lambda *, locking: [[record.to_json()]], lambda *_: None)


def dated_back():
    log(None, "LATE", dateof=LONG_AGO)


def several():
    Log.objects.bulk_create([Log(action="LATE", timestamp=LONG_AGO)])


def deleted():
    Log.objects.filter(action="OLD").delete()


def one_deleted():
    Log.objects.filter(action="OLD").first().delete()


def pruned():
    call_command("eventlog_prune", "48h", "--pause=0", "--batch=2", stdout=StringIO())


@pytest.mark.parametrize("minutes", [0, 5, 55, 59])
def test_an_hour_just_counted_is_counted_again_for_an_event_of_its_last_minutes(
    monkeypatch, minutes
):
    hour = LONG_AGO
    log(None, "X", dateof=hour + timedelta(minutes=5))
    monkeypatch.setattr(timezone, "now", lambda: hour + timedelta(hours=2, minutes=1))
    count()
    log(None, "X", dateof=hour + timedelta(minutes=minutes))
    count()
    (counted,) = HourCount.objects.filter(dimension="action", hour=hour)
    assert counted.count == 2


@pytest.mark.parametrize(
    "change", [late, waited, dated_back, several, deleted, one_deleted, pruned]
)
def test_what_changes_an_hour_later_has_it_counted_again(change, django_db_blocker, request):
    if change is waited and DB:
        request.getfixturevalue("transactional_db")
    for _ in range(5):
        event("OLD")
    event("NEW", hour_of(NOW))
    count()
    assert tally().totals("action") == {"OLD": 5, "NEW": 1}
    change()
    count()
    assert tally().totals("action") == by_hand("action")
    assert not tally().missing


def test_what_is_rolled_back_was_never_counted():
    event("OLD")
    count()
    with pytest.raises(RuntimeError), transaction.atomic():
        event("LATE")
        raise RuntimeError
    assert not tally().missing


def test_an_event_of_now_marks_nothing(django_assert_num_queries):
    event("OLD")
    count()
    with django_assert_num_queries(1):
        log(None, "NEW")


def test_an_hour_that_may_still_change_is_not_kept():
    event("NEW", hour_of(NOW))
    count()
    assert not HourCount.objects.exists()
    assert tally().totals("action") == {"NEW": 1}


def test_rebuilding_comes_to_the_same(history):
    count()
    before = sorted(HourCount.objects.values_list("dimension", "hour", "value", "count"))
    HourCount.objects.update(count=7)
    RolledHour.objects.update(stale=False)
    count("--rebuild")
    assert sorted(HourCount.objects.values_list("dimension", "hour", "value", "count")) == before


def test_the_busiest_addresses_of_an_hour_are_kept(monkeypatch):
    monkeypatch.setattr(counts, "MOST_ADDRESSES", 2)
    for n in range(6):
        for _ in range(n):
            event(ip=f"192.0.2.{n}")
    count()
    assert set(tally().totals("address")) >= {"192.0.2.5", "192.0.2.4"}
    assert len(tally().totals("address")) <= 3


def test_the_busiest_addresses_of_a_day_are_kept(monkeypatch):
    monkeypatch.setattr(counts, "MOST_OF_A_DAY", 3)
    for n in range(12):
        for _ in range(n):
            event(ip=f"192.0.2.{n}", at=counts.day_of(LONG_AGO) + timedelta(hours=n))
    count()
    busiest = {f"192.0.2.{n}": n for n in (11, 10, 9)}
    assert tally().totals("address") == busiest


def test_half_and_95_percent_are_read_off_the_steps():
    for took in [3] * 50 + [40] * 45 + [3000] * 5:
        event(view="page", duration_ms=took)
    count()
    pace = tally().paces(["page"])["page"]
    assert percentile(pace, 0.5) == 5
    assert 20 < percentile(pace, 0.95) <= 50
    assert 2000 < percentile(pace, 0.99) <= 5000
    assert percentile(Counter(), 0.5) is None


@pytest.mark.parametrize("extra", [[], "text", {"view": 7, "status": [], "duration_ms": "slow"}])
def test_any_extra_can_be_counted(extra):
    Log.objects.create(action="X", timestamp=LONG_AGO, extra=extra)
    count()
    assert tally().totals("action") == {"X": 1}


def test_without_time_zones_too(settings):
    settings.USE_TZ = False
    at = timezone.now() - timedelta(days=2)  # not longer: each hour since then is counted
    assert timezone.is_naive(at)
    Log.objects.create(action="X", timestamp=at)
    count()
    found = Tally(aware(at - timedelta(hours=1)), timezone.now())
    assert found.totals("action") == {"X": 1}
