"""The plan of a query, which reads as few events as a page needs."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db.models import Q, QuerySet, Subquery

from ...models import Log
from .condition import Condition, IndexScan

MAX_BRANCHES = 128  # values that are searched in an index one by one


class QueryPlan(NamedTuple):
    """The conditions of a query, by the way they are checked."""

    period: Q = Q()
    index_scan: IndexScan | None = None
    residual: Q = Q()  # checked row by row among the events of the index scan

    @property
    def condition(self) -> Q:
        """All conditions together."""
        return self.period & (self.index_scan.condition if self.index_scan else Q()) & self.residual


ALL_EVENTS = QueryPlan()


def plan_of(periods: Sequence[Condition], others: Sequence[Condition]) -> QueryPlan:
    """Return the plan for conditions that all apply; ``others`` starts with the most selective."""
    period, residual = Q(), Q()
    index_scan: IndexScan | None = None
    for condition in periods:
        period &= condition.q
    for condition in others:
        scan = condition.scan
        # One index is scanned; the other conditions are checked row by row.
        if index_scan is None and scan is not None and len(scan.branches) <= MAX_BRANCHES:
            index_scan = scan
            if condition.is_exact:
                continue
        residual &= condition.q
    return QueryPlan(period, index_scan, residual)


def limit_to_first(
    events: QuerySet[Log], index_scan: IndexScan | None, count: int, *, backwards: bool = False
) -> QuerySet[Log]:
    """Return the events of ``index_scan``, bounded in time to about the first ``count`` + 1.

    Their order is newest first, or oldest first if ``backwards``.
    """
    if index_scan is None:
        return events
    found = events.filter(index_scan.condition)
    if len(index_scan.branches) < 2:
        return found
    # For several values, some databases read and sort all matching rows, so the query gets a bound:
    # the time by which one branch alone has enough rows.
    ends = [
        Subquery(ordered_timestamps(events.filter(branch), backwards=backwards)[count : count + 1])
        for branch in index_scan.branches
    ]
    one_row = Log.objects.using(events.db).order_by()[:1]
    reached = [end for row in one_row.values_list(*ends) for end in row if end is not None]
    if not reached:
        return found
    return found.filter(
        up_to_condition(min(reached) if backwards else max(reached), backwards=backwards)
    )


def count_up_to(limit: int, events: QuerySet[Log], index_scan: IndexScan | None) -> int:
    """Count the events of ``index_scan``; return ``limit`` + 1 if there are more than ``limit``."""
    return limit_to_first(events, index_scan, limit).order_by()[: limit + 1].count()


def ordered_timestamps(events: QuerySet[Log], *, backwards: bool) -> QuerySet[Log, datetime]:
    """Return the times of events in order, by time alone because the indexes end with it."""
    return events.order_by("timestamp" if backwards else "-timestamp").values_list(
        "timestamp", flat=True
    )


def up_to_condition(end: datetime, *, backwards: bool) -> Q:
    """Return the condition that an event is not beyond ``end`` in the order of the list."""
    return Q(timestamp__lte=end) if backwards else Q(timestamp__gte=end)
