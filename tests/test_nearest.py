"""Pages of the events of an address."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext

from eventlog.datetimes import to_db_timezone
from eventlog.models import Log
from eventlog.review.pagination import Cursor, page
from eventlog.review.search.query import Search

from .events import request_row

pytestmark = [pytest.mark.django_db, pytest.mark.once]
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HERE, THERE = "192.0.2.7", "203.0.113.9"


def record(*moments, ip=HERE, **values):
    Log.objects.bulk_create(
        request_row({"ip": ip}, timestamp=to_db_timezone(moment), **values) for moment in moments
    )


def pages(text, size=3, **kwargs):
    """Return the keys of each page, and check that going back shows the same pages."""
    events, wanted = Log.objects.all(), Search.parse(text).plan
    shown = page(events, wanted, size, **kwargs)
    found = [[event.pk for event in shown.events]]
    while shown.older:
        shown = page(events, wanted, size, older=shown.older)
        found.append([event.pk for event in shown.events])
    for before in found[-2::-1]:
        shown = page(events, wanted, size, newer=shown.newer)
        assert [event.pk for event in shown.events] == before
    return found


def sorted_by_hand(condition, size=3):
    events = Log.objects.filter(condition).order_by("-timestamp", "-pk")
    pks = list(events.values_list("pk", flat=True))
    return [pks[n : n + size] for n in range(0, len(pks), size)]


@pytest.mark.parametrize("time_zones", [True, False])
@pytest.mark.parametrize("gap", [timedelta(hours=1), timedelta(days=3), timedelta(days=200)])
def test_pages_of_an_address_equal_a_plain_sort(settings, time_zones, gap):
    settings.USE_TZ = time_zones
    rng = random.Random(7)
    for _ in range(40):
        moment = NOON + rng.randrange(10) * gap + timedelta(minutes=rng.randrange(3))
        record(moment, ip=rng.choice((HERE, "192.0.2.8", THERE)))
    here, net = Q(ip=HERE), Q(ip__startswith="192.0.2.")
    assert pages(f"ip:{HERE}") == sorted_by_hand(here)
    for network in ("192.0.2.0/24", "192.0.2.0/28", "192.0.0.0/15"):
        assert pages(f"ip:{network}") == sorted_by_hand(net)
    start = (NOON + 3 * gap).isoformat()
    since = Q(timestamp__gte=to_db_timezone(NOON + 3 * gap))
    assert pages(f"ip:{HERE} from:{start}") == sorted_by_hand(here & since)
    assert pages(f"ip:{HERE} ip:{THERE}") == sorted_by_hand(here | Q(ip=THERE))


@pytest.mark.parametrize("size", [1, 3, 9, 50])
def test_pages_of_any_size_follow_each_other(size):
    for days in (0, 1, 5, 9, 40, 41):
        record(*(NOON - timedelta(days=days, minutes=n) for n in range(7)))
    assert pages(f"ip:{HERE}", size) == sorted_by_hand(Q(), size)


def test_events_of_any_year_are_found():
    moments = [datetime(year, 7, 1, tzinfo=UTC) for year in (1970, 1999, 2026, 2027, 2300)]
    if connection.vendor != "mysql":  # MySQL stores no earlier years
        moments.append(datetime(1, 1, 1, tzinfo=UTC))
    record(*moments, datetime(9999, 12, 31, 23, tzinfo=UTC))
    assert pages(f"ip:{HERE}") == sorted_by_hand(Q())


def test_other_terms_are_checked_on_the_events_of_the_address():
    for n in range(30):
        record(NOON - timedelta(days=n), user_repr="anna" if n % 7 == 0 else "")
    wanted = Search.parse(f"ip:{HERE}").plan._replace(residual=Q(user_repr="anna"))
    some = page(Log.objects.all(), wanted, 3, scan_limit=5)
    assert [event.timestamp for event in some.events] == [NOON]
    assert some.scanned_until.timestamp == NOON - timedelta(days=5)


@pytest.mark.parametrize("text", [f"ip:{HERE}", "action:X", ""])
@pytest.mark.parametrize("look", [1, 2, 5])
def test_no_event_of_many_with_the_same_time_is_skipped(monkeypatch, text, look):
    monkeypatch.setattr("eventlog.review.pagination.SCAN_CHUNK", 2)
    record(*[NOON] * 9, *[NOON - timedelta(days=1)] * 2, user_repr="anna")
    record(*[NOON] * 4)
    wanted = Search.parse(text).plan._replace(residual=Q(user_repr="anna"))
    seen, mark = [], None
    while True:
        some = page(Log.objects.all(), wanted, 3, older=mark, scan_limit=look)
        seen += some.events
        if (mark := some.older or some.scanned_until) is None:
            break
    anna = Log.objects.filter(user_repr="anna").order_by("-timestamp", "-pk")
    assert seen == list(anna)


@pytest.mark.parametrize("days", [30, 700])
def test_a_page_of_an_address_takes_the_same_few_queries_for_any_gap(days):
    record(*(NOON - timedelta(days=n) for n in range(days)))
    record(*(NOON - timedelta(days=n) for n in range(days)), ip=THERE)
    wanted = Search.parse(f"ip:{HERE}").plan
    with CaptureQueriesContext(connection) as captured:
        page(Log.objects.all(), wanted, 3)
    assert len(captured) == 1


def test_an_unknown_address_takes_one_query():
    record(*(NOON - timedelta(days=n) for n in range(700)))
    wanted = Search.parse(f"ip:{THERE}").plan
    with CaptureQueriesContext(connection) as captured:
        assert page(Log.objects.all(), wanted, 3).events == []
    assert len(captured) == 1


@pytest.mark.skipif(connection.vendor != "sqlite", reason="it counts SQLite's own steps")
def test_a_page_far_from_the_end_of_its_period_costs_no_more():
    record(*(NOON - timedelta(minutes=n) for n in range(3000)))
    mark = Cursor(NOON - timedelta(minutes=2900), 0)

    def steps(text):
        counted = []
        connection.connection.set_progress_handler(lambda: counted.append(1), 1)
        page(Log.objects.all(), Search.parse(text).plan, 3, older=mark)
        connection.connection.set_progress_handler(None, 1)
        return len(counted)

    assert steps(f"to:{NOON.isoformat()}") < 1.5 * steps("")
