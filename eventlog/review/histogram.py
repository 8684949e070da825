"""The number of events of a search over time, for the chart above the list."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from math import gcd
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Q, QuerySet
from django.utils import timezone

from ..counts.backlog import Backlog
from ..counts.period import PeriodCounts
from ..datetimes import (
    DAY,
    EARLIEST,
    HOUR,
    MINUTE,
    SECOND,
    aware,
    hour_of,
    to_db_timezone,
)
from ..models import Log
from ..models.expressions import StepsSince
from .pagination import SCAN_LIMIT
from .search.plan import QueryPlan, limit_to_first, ordered_timestamps, up_to_condition

MAX_BARS = 72
MAX_PERIOD = 370 * DAY
MAX_LIVE_EVENTS = 100_000  # of an hour that is not counted yet
MAX_EVENTS = 5000  # newest events of a search that are counted one by one
WIDTHS = [
    *(n * timedelta(seconds=1) for n in (1, 5, 10, 30)),
    *(n * MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * HOUR for n in (1, 2, 3, 6, 12)),
    *(n * DAY for n in (1, 2, 7)),
]


class HistogramSpan(NamedTuple):
    """One bar: the events from ``start`` up to ``end``."""

    start: datetime
    end: datetime
    events: int


class Histogram(NamedTuple):
    """The bars of a period."""

    spans: Sequence[HistogramSpan]
    width: timedelta
    counted_from: datetime | None = None  # set if older events of the period were not counted


def histogram(
    events: QuerySet[Log], plan: QueryPlan, start: datetime, end: datetime, *, is_whole: bool
) -> Histogram:
    """Count the events of a search between two times.

    ``is_whole``: whether the search has no condition but its period, so that stored counts apply.
    """
    width, bounds, end = bars_of(start, end)
    if not bounds:
        return Histogram([], width)
    counted_from = None
    if is_whole and width >= HOUR:
        counts = Counter[int]()
        for hour, number in _by_hour(events, bounds[0], end).items():
            counts[bisect_right(bounds, hour) - 1] += number
    else:
        counts, counted_from = _newest(events, plan, bounds)
    return histogram_of(counts, width, bounds, counted_from)


def bars_of(start: datetime, end: datetime) -> tuple[timedelta, list[datetime], datetime]:
    """Return the width and the starts of the bars of a period, and its end; none if it is empty."""
    end = min(max(aware(end), EARLIEST + MAX_PERIOD), hour_of(timezone.now()) + HOUR)
    start = max(aware(start), end - MAX_PERIOD)
    if start >= end:
        return WIDTHS[0], [], end
    width = next((each for each in WIDTHS if (end - start) / each <= MAX_BARS), WIDTHS[-1])
    return width, bar_starts(start, end, width), end


def histogram_of(
    counts: Mapping[int, int],
    width: timedelta,
    bounds: Sequence[datetime],
    counted_from: datetime | None = None,
) -> Histogram:
    """Return the bars of a period, given the number of events of each bar."""
    ends = [*bounds[1:], bounds[-1] + width]
    spans = [
        HistogramSpan(start, until, counts.get(number, 0))
        for number, (start, until) in enumerate(zip(bounds, ends, strict=True))
    ]
    return Histogram(spans, width, counted_from)


def bar_starts(start: datetime, end: datetime, width: timedelta) -> list[datetime]:
    """Return the starts of the bars, which are round times of the current time zone."""
    zone = timezone.get_current_timezone()
    start = start.astimezone(zone)  # so that all differences are by wall clock
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    found: list[datetime] = []
    if width >= DAY:
        moment = midnight
        while moment < end and len(found) <= MAX_BARS + 1:
            found.append(moment)
            # By wall clock, because days may have 23 or 25 hours.
            moment = (moment.replace(tzinfo=None) + width).replace(tzinfo=zone)
        return found
    moment = midnight + (start - midnight) // width * width
    while moment < end:
        found.append(moment)
        moment += width
    # The clocks skip some of these times in spring. Each of them is the same moment as a later one.
    moments = {bound.astimezone(UTC) for bound in found}
    return [each.astimezone(zone) for each in sorted(moments)]


def _by_hour(events: QuerySet[Log], start: datetime, end: datetime) -> dict[datetime, int]:
    """Return the stored counts, and of the last hours at most ``MAX_LIVE_EVENTS`` each."""
    stored = PeriodCounts(start, end, Backlog([], []))  # which hours are missing is not shown
    found = dict(stored.stored_by_hour())
    hour = stored.live_from
    while hour < end:
        of_hour = events.filter(
            timestamp__gte=to_db_timezone(hour), timestamp__lt=to_db_timezone(hour + HOUR)
        )
        found[hour] = of_hour.order_by()[:MAX_LIVE_EVENTS].count()
        hour += HOUR
    return found


def _newest(
    events: QuerySet[Log], plan: QueryPlan, bounds: Sequence[datetime]
) -> tuple[Counter[int], datetime | None]:
    """Return the newest events of each bar, and how far back they were counted."""
    within = events.filter(plan.period, timestamp__gte=to_db_timezone(bounds[0]))
    limit = SCAN_LIMIT if plan.residual else MAX_EVENTS
    some = limit_to_first(within.select_related(None), plan.index_scan, limit)
    reached = next(iter(ordered_timestamps(some, backwards=False)[limit : limit + 1]), None)
    if reached is not None:
        some = some.filter(up_to_condition(reached, backwards=False))
    newest = ordered_timestamps(some.filter(plan.residual or Q()), backwards=False)[: limit + 1]
    return _count_by_bar(newest, bounds), reached and aware(reached)


def _count_by_bar(newest: QuerySet[Log, Any], bounds: Sequence[datetime]) -> Counter[int]:
    """Count events in the database, because reading their times would take a third of the page.

    See ``benchmarks.review``. The database counts by steps of equal length. Each bar has a whole
    number of steps, also a day of 23 or 25 hours.
    """
    connection = connections[newest.db]
    zone = _zone_of_columns(connection)
    starts = [bound.astimezone(zone).replace(tzinfo=None) for bound in bounds]
    seconds = [(each - starts[0]) // SECOND for each in starts]
    if zone not in (UTC, bounds[0].tzinfo):
        # Steps start at full hours, because the clocks of the database change at a full hour.
        seconds += [HOUR // SECOND, (starts[0] - datetime.min) // SECOND]
    step = timedelta(seconds=gcd(*seconds) or 1)
    counts = Counter[int]()
    for steps, number in _count_by_step(newest, to_db_timezone(bounds[0]), step):
        moment = (starts[0] + steps * step).replace(tzinfo=zone)
        counts[bisect_right(bounds, moment) - 1] += number
    return counts


def _zone_of_columns(connection: BaseDatabaseWrapper) -> tzinfo:
    """Return the time zone whose wall clock the stored times show."""
    if connection.vendor == "postgresql" and settings.USE_TZ:  # which stores instants
        return UTC
    return connection.timezone or timezone.get_default_timezone()


def _count_by_step(
    newest: QuerySet[Log, Any], start: datetime, step: timedelta
) -> list[tuple[int, int]]:
    steps = newest.annotate(steps=StepsSince("timestamp", start, step)).values_list("steps")
    connection = connections[newest.db]
    try:
        inner, params = steps.query.get_compiler(connection=connection).as_sql()
    except EmptyResultSet:
        return []
    # As text, because Django cannot group the rows of a query with LIMIT.
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT steps, COUNT(*) FROM ({inner}) AS newest GROUP BY steps",  # noqa: S608
            params,
        )
        return [*cursor.fetchall()]
