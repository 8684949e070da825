"""The events of an address, which its index has day by day."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext

from eventlog.models import Log
from eventlog.moments import as_stored
from eventlog.review import nearest
from eventlog.review.pages import Mark, page
from eventlog.review.search import Search

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HERE, THERE = "192.0.2.7", "203.0.113.9"


def record(*moments, ip=HERE, **values):
    Log.objects.bulk_create(
        Log(action="X", timestamp=as_stored(moment), extra={"ip": ip}, **values)
        for moment in moments
    )


def pages(text, size=3, **kwargs):
    """The keys on each page from the newest to the oldest, which are the same on the way back."""
    events, wanted = Log.objects.all(), Search.parse(text).wanted
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
def test_the_pages_of_an_address_are_those_of_a_plain_sort(settings, time_zones, gap):
    settings.USE_TZ = time_zones
    rng = random.Random(7)
    for _ in range(40):
        moment = NOON + rng.randrange(10) * gap + timedelta(minutes=rng.randrange(3))
        record(moment, ip=rng.choice((HERE, "192.0.2.8", THERE)))
    here, net = Q(extra__ip=HERE), Q(extra__ip__startswith="192.0.2.")
    assert pages(f"ip:{HERE}") == sorted_by_hand(here)
    for network in ("192.0.2.0/24", "192.0.2.0/28", "192.0.0.0/15"):
        assert pages(f"ip:{network}") == sorted_by_hand(net)
    start = (NOON + 3 * gap).isoformat()
    since = Q(timestamp__gte=as_stored(NOON + 3 * gap))
    assert pages(f"ip:{HERE} from:{start}") == sorted_by_hand(here & since)
    assert pages(f"ip:{HERE} ip:{THERE}") == sorted_by_hand(here | Q(extra__ip=THERE))


@pytest.mark.parametrize("size", [1, 3, 9, 50])
def test_a_day_with_too_many_events_to_gather_is_read_by_time(monkeypatch, size):
    monkeypatch.setattr(nearest, "MANY", 4)
    for days in (0, 1, 5, 9, 40, 41):
        record(*(NOON - timedelta(days=days, minutes=n) for n in range(7)))
    assert pages(f"ip:{HERE}", size) == sorted_by_hand(Q(), size)


def test_events_of_any_year_are_found():
    moments = [datetime(year, 7, 1, tzinfo=UTC) for year in (1970, 1999, 2026, 2027, 2300)]
    if connection.vendor != "mysql":  # whose columns hold no earlier ones
        moments.append(datetime(1, 1, 1, tzinfo=UTC))
    record(*moments, datetime(9999, 12, 31, 23, tzinfo=UTC))
    assert pages(f"ip:{HERE}") == sorted_by_hand(Q())


def test_what_else_was_asked_for_is_looked_for_among_those_of_the_address():
    for n in range(30):
        record(NOON - timedelta(days=n), user_repr="anna" if n % 7 == 0 else "")
    wanted = Search.parse(f"ip:{HERE}").wanted._replace(residual=Q(user_repr="anna"))
    some = page(Log.objects.all(), wanted, 3, look=5)
    assert [event.timestamp for event in some.events] == [NOON]
    assert some.looked_back_to.timestamp == NOON - timedelta(days=5)


@pytest.mark.parametrize("text", [f"ip:{HERE}", "action:X", ""])
@pytest.mark.parametrize("look", [1, 2, 5])
def test_none_of_many_events_of_one_moment_is_passed_over(monkeypatch, text, look):
    monkeypatch.setattr("eventlog.review.pages.STRIDE", 2)
    monkeypatch.setattr(nearest, "MANY", 3)
    record(*[NOON] * 9, *[NOON - timedelta(days=1)] * 2, user_repr="anna")
    record(*[NOON] * 4)
    wanted = Search.parse(text).wanted._replace(residual=Q(user_repr="anna"))
    seen, mark = [], None
    while True:
        some = page(Log.objects.all(), wanted, 3, older=mark, look=look)
        seen += some.events
        if (mark := some.older or some.looked_back_to) is None:
            break
    anna = Log.objects.filter(user_repr="anna").order_by("-timestamp", "-pk")
    assert seen == list(anna)


@pytest.mark.parametrize("days", [30, 700])
def test_a_page_reads_as_few_events_and_asks_as_seldom_whatever_there_is(days):
    record(*(NOON - timedelta(days=n) for n in range(days)))
    record(*(NOON - timedelta(days=n) for n in range(days)), ip=THERE)
    wanted = Search.parse(f"ip:{HERE}").wanted
    with CaptureQueriesContext(connection) as captured:
        page(Log.objects.all(), wanted, 3)
    assert len(captured) <= 8
    shown = nearest.nearest(Log.objects.all(), wanted.lead, 3)
    assert shown.count() <= 4


def test_an_address_that_never_came_is_asked_for_a_few_times():
    record(*(NOON - timedelta(days=n) for n in range(700)))
    wanted = Search.parse(f"ip:{THERE}").wanted
    with CaptureQueriesContext(connection) as captured:
        assert page(Log.objects.all(), wanted, 3).events == []
    assert len(captured) <= 12


@pytest.mark.skipif(connection.vendor != "sqlite", reason="it counts SQLite's own steps")
def test_a_page_far_from_the_end_of_its_period_costs_no_more():
    record(*(NOON - timedelta(minutes=n) for n in range(3000)))
    mark = Mark(NOON - timedelta(minutes=2900), 0)

    def steps(text):
        counted = []
        connection.connection.set_progress_handler(lambda: counted.append(1), 1)
        page(Log.objects.all(), Search.parse(text).wanted, 3, older=mark)
        connection.connection.set_progress_handler(None, 1)
        return len(counted)

    assert steps(f"to:{NOON.isoformat()}") < 1.5 * steps("")
