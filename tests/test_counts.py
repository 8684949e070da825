from collections import Counter
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core import serializers
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import resolve, reverse
from django.utils import timezone

from eventlog.backends.sql.delivered import deliver
from eventlog.counts import backlog, counting, hours
from eventlog.counts.percentiles import percentile
from eventlog.counts.period import PeriodCounts, PreviousPeriodCounts, count_actions
from eventlog.datetimes import aware, hour_of
from eventlog.models import Log, log
from eventlog.models.hourly import CountedHour, HourCount
from eventlog.records.record import Record

from .events import write_request
from .settings import DB
from .shop.models import Article

pytestmark = pytest.mark.django_db

NOW = timezone.now()
LONG_AGO = hour_of(NOW - timedelta(days=3))


@pytest.fixture(autouse=True)
def _quiet(settings):
    settings.EVENTLOG = {"REQUESTS": []}


def event(action="X", at=LONG_AGO, **extra):
    return write_request(extra, action=action, timestamp=at + timedelta(minutes=5))


def count(*args):
    call_command("eventlog_count", *args, stdout=StringIO())


def week():
    return PeriodCounts(NOW - timedelta(days=7), timezone.now())


def by_hand(dimension):
    """Count the rows in Python."""
    read = {
        "all": lambda row: "",
        "action": lambda row: row.action,
        "status": lambda row: f"{str(row.extra['status'])[0]}xx" if "status" in row.extra else None,
        "page": lambda row: row.extra.get("view"),
        "device": lambda row: row.extra.get("device_type"),
    }[dimension]
    found = Counter(map(read, Log.objects.since(week().start)))
    del found[None]
    return found


@pytest.fixture
def history():
    for hour in range(30):
        at = NOW - timedelta(hours=hour, minutes=6)  # event() adds five minutes
        for n in range(hour % 4 + 1):
            event(f"A{n}", at, status=(200, 404, 500)[n % 3], view=f"v{n}", device_type="pc")


@pytest.mark.parametrize("dimension", ["all", "action", "status", "page", "device"])
def test_counts_equal_the_rows(history, dimension):
    count()
    assert not week().missing
    assert week().totals(dimension) == by_hand(dimension)
    for step in (timedelta(hours=1), timedelta(hours=7), timedelta(days=1), timedelta(days=9)):
        bounds = [week().start + n * step for n in range(timedelta(days=7) // step + 1)]
        over_time = week().over_time(dimension, list(by_hand(dimension)), bounds)
        assert sum(over_time, Counter()) == by_hand(dimension)


@pytest.mark.parametrize(
    ("start", "end"),
    [(72, 0), (29.99, 7.3), (5.2, 5.1), (5.2, 4.9), (1.5, 0), (48, 40), (26, -9999)],
)
def test_actions_are_counted_exactly_at_both_ends(history, start, end):
    count()
    start, end = (NOW - timedelta(hours=hours) for hours in (start, end))
    exactly = Counter(Log.objects.between(start, min(end, NOW)).values_list("action", flat=True))
    assert count_actions(start, end) == (exactly, 0)


@pytest.mark.filterwarnings("ignore:DateTimeField .* received a naive datetime")
@pytest.mark.parametrize("moment", ["2026-03-01T12:00:00+00:00", datetime(2026, 3, 1, 12)])
def test_an_event_accepts_any_time_that_django_accepts(history, moment):
    count()
    Log.objects.create(action="X", timestamp=moment)
    Log.objects.bulk_create([Log(action="X", timestamp=moment)])
    assert Log.objects.filter(action="X").count() == 2
    Log(action="X", timestamp=moment).save()


def test_the_overview_is_not_in_one_transaction():
    assert resolve(reverse("admin:eventlog_log_overview")).func._non_atomic_requests == {"default"}


def test_the_repeated_hour_in_autumn_is_counted_once(settings, monkeypatch):
    settings.USE_TZ, settings.TIME_ZONE = False, "Europe/Berlin"
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 10, 26, 12))
    Log.objects.create(action="X", timestamp=datetime(2026, 10, 24, 12))
    Log.objects.create(action="X", timestamp=datetime(2026, 10, 25, 2, 30))
    assert len(backlog.find_backlog().hours) == 2
    count()
    assert backlog.find_backlog() == ([], [])
    assert CountedHour.objects.count() == 49 - 2  # 25 October has 25 hours, two of them stored as 2
    found = PeriodCounts(datetime(2026, 10, 24), datetime(2026, 10, 26, 12))
    assert found.totals("all")[""] == 2


FAR = [
    datetime(1000, 1, 1, 12, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(9000, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 30, 9, tzinfo=UTC),
]


@pytest.mark.parametrize("use_tz", [True, False])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Pacific/Kiritimati", "Asia/Kolkata"])
def test_the_work_grows_with_the_events_not_with_the_calendar(settings, use_tz, zone):
    settings.USE_TZ, settings.TIME_ZONE = use_tz, zone
    for moment in (*FAR, aware(timezone.now()) - timedelta(days=900)):
        log(None, "FAR", dateof=moment)
    log(None, "X", dateof=aware(timezone.now()) - timedelta(days=3))
    assert len(backlog.find_backlog().hours) == 4  # two are in the future
    with CaptureQueriesContext(connection) as queries:
        count()
    assert len(queries) < 150
    assert CountedHour.objects.count() < 4 + 7 * 24
    assert HourCount.objects.filter(dimension="all").count() == 4
    assert backlog.find_backlog() == ([], [])
    with CaptureQueriesContext(connection) as queries:
        found = count_actions(*(datetime(year, 1, 1, tzinfo=UTC) for year in (999, 9999)))
    assert found == ({"FAR": 3, "X": 1}, 0)
    assert len(queries) < 20


@pytest.mark.skipif(DB == "mariadb", reason="its calendar begins in the year 1000")
@pytest.mark.parametrize("use_tz", [True, False])
def test_events_at_the_ends_of_the_calendar_are_counted_by_action(settings, use_tz):
    settings.USE_TZ = use_tz
    first, last = datetime(1, 1, 1, 15), datetime(9999, 12, 31, 9)
    for moment in (first, last):
        Log.objects.create(action="END", timestamp=moment.replace(tzinfo=UTC) if use_tz else moment)
    log(None, "X", dateof=aware(timezone.now()) - timedelta(days=3))
    count()
    assert count_actions(datetime(1, 1, 1, 14, tzinfo=UTC), NOW) == ({"END": 1, "X": 1}, 0)
    Log.objects.all().delete()
    count()
    assert not CountedHour.objects.exists()


def test_an_event_in_a_far_year_costs_the_pages_no_queries(django_user_model, client):
    client.force_login(django_user_model.objects.create_superuser("root"))
    for moment in FAR:
        log(None, "FAR", dateof=moment)
    for page in ("overview/?period=180d", "?pick=action&q=from:1000-01-01"):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/admin/eventlog/log/{page}").status_code == 200
        assert len(queries) < 80


def test_gaps_between_events_cost_no_query_each():
    for days in range(2, 60, 2):
        event(at=hour_of(NOW - timedelta(days=days)))
    count()
    with CaptureQueriesContext(connection) as queries:
        assert backlog.find_backlog() == ([], [])
    assert len(queries) == 4


def test_a_busy_day_is_not_read_hour_by_hour(monkeypatch):
    monkeypatch.setattr(backlog, "PROBED_EVENTS", 3)
    for n in range(48):
        event(at=LONG_AGO + timedelta(hours=n))
    with CaptureQueriesContext(connection) as queries:
        missing = backlog.find_backlog().hours
    assert {LONG_AGO + timedelta(hours=hours) for hours in range(48)} <= set(missing)
    assert len(queries) < 10


def test_an_event_in_an_hour_marked_as_empty_is_counted():
    event("OLD")
    count()
    event("LATE", LONG_AGO + timedelta(hours=30))
    count()
    assert week().totals("action") == {"OLD": 1, "LATE": 1}


def test_count_actions_returns_the_number_of_missing_hours():
    for n in range(5):
        event("OLD", LONG_AGO + timedelta(hours=n))
    assert count_actions(NOW - timedelta(days=7), NOW)[1] == 5
    assert count_actions(LONG_AGO, LONG_AGO + timedelta(minutes=30)) == ({"OLD": 1}, 0)


def test_a_past_day_has_stored_sums(history):
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
    deliver("batch", lambda: [[record.to_json()]], "default", lambda *_: None)


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


def loaded():
    row = Log.objects.filter(action="OLD").first()
    text = serializers.serialize("json", [row]).replace("OLD", "LATE")
    row.delete()
    for loaded in serializers.deserialize("json", text):
        loaded.save()


def loaded_into_another_hour():
    row = Log.objects.filter(action="OLD").first()
    row.timestamp += timedelta(hours=5)
    row.save_base(raw=True)


def deleted_with_their_object():
    Article.objects.get().delete()


def updated():
    Log.objects.filter(action="OLD").update(action="LATE")


def moved():
    Log.objects.filter(action="OLD").update(timestamp=LONG_AGO + timedelta(hours=7))


def updated_by_object():
    rows = list(Log.objects.filter(action="OLD"))
    for row in rows:
        row.action, row.timestamp = "LATE", LONG_AGO + timedelta(hours=9)
    Log.objects.bulk_update(rows, ["action", "timestamp"])


def deleted_without_signals():
    Log.objects.filter(action="OLD")._raw_delete("default")


@pytest.mark.parametrize("minutes", [0, 5, 55, 59])
def test_a_late_event_makes_a_new_count_stale(monkeypatch, minutes):
    hour = LONG_AGO
    log(None, "X", dateof=hour + timedelta(minutes=5))
    monkeypatch.setattr(timezone, "now", lambda: hour + timedelta(hours=2, minutes=1))
    count()
    log(None, "X", dateof=hour + timedelta(minutes=minutes))
    count()
    (counted,) = HourCount.objects.filter(dimension="action", hour=hour)
    assert counted.count == 2


@pytest.mark.parametrize(
    "change",
    [
        late,
        waited,
        dated_back,
        several,
        deleted,
        one_deleted,
        pruned,
        loaded,
        loaded_into_another_hour,
        deleted_with_their_object,
        deleted_without_signals,
        updated,
        moved,
        updated_by_object,
    ],
)
def test_every_change_of_an_old_hour_counts_it_again(change, django_db_blocker, request):
    if change is waited and DB:
        request.getfixturevalue("transactional_db")
    article = Article.objects.create()
    for _ in range(5):
        log(None, "OLD", obj=article, dateof=LONG_AGO + timedelta(minutes=5))
    event("NEW", hour_of(NOW))
    count()
    assert week().totals("action") == {"OLD": 5, "NEW": 1}
    change()
    list(hours.catch_up(backlog.find_backlog(), "default"))  # without verifying
    assert week().totals("action") == by_hand("action")
    assert not week().missing


def test_a_rolled_back_event_marks_no_hour():
    event("OLD")
    count()
    with pytest.raises(RuntimeError), transaction.atomic():
        event("LATE")
        raise RuntimeError
    assert not week().missing


def test_a_new_event_marks_no_hour(django_assert_num_queries):
    event("OLD")
    count()
    with django_assert_num_queries(1):
        log(None, "NEW")


def test_an_hour_that_may_still_change_is_not_stored():
    event("NEW", hour_of(NOW))
    count()
    assert not HourCount.objects.exists()
    assert week().totals("action") == {"NEW": 1}


def test_rebuilding_gives_the_same_counts(history):
    count()
    before = sorted(HourCount.objects.values_list("dimension", "hour", "value", "count"))
    HourCount.objects.update(count=7)
    CountedHour.objects.update(stale=False)
    count("--rebuild")
    assert sorted(HourCount.objects.values_list("dimension", "hour", "value", "count")) == before


def test_the_busiest_addresses_of_an_hour_are_stored(monkeypatch):
    monkeypatch.setattr(counting, "MAX_ADDRESSES_PER_HOUR", 2)
    for n in range(6):
        for _ in range(n):
            event(ip=f"192.0.2.{n}")
    count()
    assert set(week().totals("address")) >= {"192.0.2.5", "192.0.2.4"}
    assert len(week().totals("address")) <= 3


def test_the_busiest_addresses_of_a_day_are_stored(monkeypatch):
    monkeypatch.setattr(hours, "MAX_ADDRESSES_PER_DAY", 3)
    for n in range(12):
        for _ in range(n):
            event(ip=f"192.0.2.{n}", at=hours.day_of(LONG_AGO) + timedelta(hours=n))
    count()
    busiest = {f"192.0.2.{n}": n for n in (11, 10, 9)}
    assert week().totals("address") == busiest


def test_percentiles_are_interpolated_within_latency_buckets():
    for took in [3] * 50 + [40] * 45 + [3000] * 5:
        event(view="page", duration_ms=took)
    count()
    histogram = week().latency_histograms()["page"]
    assert histogram == week().latency_histogram()
    assert percentile(histogram, 0.5) == 5
    assert 20 < percentile(histogram, 0.95) <= 50
    assert 2000 < percentile(histogram, 0.99) <= 5000
    assert percentile(Counter(), 0.5) is None


@pytest.mark.parametrize("extra", [[], "text", {"view": 7, "status": [], "duration_ms": "slow"}])
def test_any_extra_can_be_counted(extra):
    write_request(extra, timestamp=LONG_AGO)
    count()
    assert week().totals("action") == {"X": 1}


def test_a_site_without_time_zones_has_counts(settings):
    settings.USE_TZ = False
    at = timezone.now() - timedelta(days=2)  # short, because each hour since then is counted
    assert timezone.is_naive(at)
    Log.objects.create(action="X", timestamp=at)
    count()
    found = PeriodCounts(aware(at - timedelta(hours=1)), timezone.now())
    assert found.totals("action") == {"X": 1}


def test_the_busiest_users_of_an_hour_and_of_a_day_are_stored(monkeypatch):
    monkeypatch.setattr(counting, "MAX_USERS_PER_HOUR", 2)
    monkeypatch.setattr(hours, "MAX_USERS_PER_DAY", 3)
    for n in range(6):
        for hour in range(2):
            at = hours.day_of(LONG_AGO) + timedelta(hours=hour, minutes=5)
            for _ in range(n):
                write_request(timestamp=at, user_repr=f"user{n - hour}")
    count()
    by_hour = HourCount.objects.filter(dimension="user", hour=hours.day_of(LONG_AGO))
    assert dict(by_hour.values_list("value", "count")) == {"user5": 5, "user4": 4}
    assert week().totals("user") == {"user4": 9, "user5": 5, "user3": 4}


def test_exceptions_are_counted():
    event(exception="KeyError")
    event(exception="KeyError", view="page")
    log(None, "OWN", extra={"exception": "Own"}, dateof=LONG_AGO)
    count()
    assert week().totals("exception") == {"KeyError": 2}


def test_hours_that_an_earlier_release_counted_are_counted_again():
    start = hours.day_of(LONG_AGO)  # of three hours of one day, two are old
    for n in range(3):
        event("OLD", start + timedelta(hours=n), exception="KeyError")
    count()
    before = set(HourCount.objects.values_list("dimension", "hour", "value", "count"))
    earlier = HourCount.objects.filter(hour__lt=start + timedelta(hours=2))
    earlier.filter(dimension="all").update(value="")
    HourCount.objects.filter(dimension="all/d").update(value="")
    earlier.filter(dimension="exception").delete()
    assert len(week().missing) == 2
    assert week().totals("all") == {"": 3}
    assert week().over_time("all", [""], [week().start]) == [{"": 3}]
    list(hours.catch_up(backlog.find_backlog(), "default"))  # without verifying
    assert set(HourCount.objects.values_list("dimension", "hour", "value", "count")) == before
    assert not week().missing


def test_a_period_before_is_counted_up_to_the_minute():
    end = LONG_AGO + timedelta(minutes=30)
    for minutes in (-61, 0, 29, 31):
        log(None, "X", dateof=LONG_AGO + timedelta(minutes=minutes))
    count()
    found = PreviousPeriodCounts(LONG_AGO - timedelta(hours=1), end)
    assert found.totals("all") == {"": 2}
    assert found.totals("user") == {}
