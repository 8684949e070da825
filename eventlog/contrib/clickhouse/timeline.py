"""The number of events of a search over time, for the chart above the list."""

from bisect import bisect_right
from collections import Counter
from datetime import datetime
from math import gcd

from django.db.models import Q

from ...datetimes import aware
from ...review.histogram import Histogram, bars_of, histogram_of
from ...review.search.plan import QueryPlan
from .aggregation import count_values
from .columns import QUARTER, part_sql
from .events import in_utc
from .rows import microseconds
from .visible_events import VisibleEvents
from .windows import PeriodBounds, ends_of


def timeline(
    visible: VisibleEvents, plan: QueryPlan, start: datetime, end: datetime, limit: int
) -> Histogram:
    """Count the events of a plan between two times; check about ``limit`` events at most."""
    width, bounds, end = bars_of(start, end)
    if not bounds:
        return Histogram([], width)
    length = gcd(QUARTER, *map(microseconds, bounds))
    since, condition, counted_from = bounds[0], plan.condition, None
    period = PeriodBounds.of(plan.period)
    is_projected = length == QUARTER and period.is_exact and not (plan.index_scan or plan.residual)
    if is_projected:
        condition = Q()
        if period.start is not None:
            since = max(since, in_utc(period.start))
        if period.end is not None:
            end = min(end, in_utc(period.end))
    else:
        checked = plan.period & Q(timestamp__gte=since, timestamp__lt=end)
        if (reached := next(iter(ends_of(visible.table, checked, [limit])))) is not None:
            since = counted_from = max(since, aware(reached))
    rows = count_values(
        visible,
        [part_sql(length)],
        condition,
        since,
        end,
        length=length if is_projected else None,
    )
    counts: Counter[int] = Counter()
    for part, count in rows:
        counts[bisect_right(bounds, in_utc(part * length)) - 1] += count
    return histogram_of(counts, width, bounds, counted_from)
