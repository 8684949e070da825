"""The counts of the events that a search finds, from a limited number of the newest events."""

from datetime import datetime
from typing import TypeVar

from django.db.models import QuerySet

from ..counts.period import MAX_NEWEST_EVENTS, NewestPeriodCounts
from ..datetimes import HOUR, hour_of, to_db_timezone
from ..models import Log
from .search.plan import QueryPlan, limit_to_first, ordered_timestamps

MAX_CHECKED_EVENTS = 20_000  # events that are checked row by row

CountsType = TypeVar("CountsType", bound=NewestPeriodCounts)


def count_matching(
    kind: type[CountsType],
    events: QuerySet[Log],
    plan: QueryPlan,
    start: datetime,
    end: datetime,
) -> CountsType:
    """Return the counts of the newest events that a plan finds from ``start`` up to ``end``.

    Conditions that no index serves are checked on the newest events only.
    """
    within = events.filter(
        plan.period,
        timestamp__gte=to_db_timezone(start),
        timestamp__lt=to_db_timezone(hour_of(end) + HOUR),
    )
    if not plan.residual:
        return kind(limit_to_first(within, plan.index_scan, MAX_NEWEST_EVENTS), start, end)
    some = limit_to_first(within, plan.index_scan, MAX_CHECKED_EVENTS)
    newest = ordered_timestamps(some, backwards=False)[MAX_CHECKED_EVENTS : MAX_CHECKED_EVENTS + 1]
    if (oldest := next(iter(newest), None)) is None:
        return kind(some.filter(plan.residual), start, end)
    # The first hour is left out, because it is not checked in full.
    start = min(hour_of(oldest) + HOUR, hour_of(end))
    return kind(some.filter(plan.residual, timestamp__gt=oldest), start, end, is_check_limited=True)
