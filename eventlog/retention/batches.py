"""Batches of the old events that a search finds."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Q, QuerySet

from ..models import Log
from ..review.search.plan import QueryPlan, limit_to_first, ordered_timestamps, up_to_condition

Batch = list[tuple[int, datetime]]


def deletion_batches(old: QuerySet[Log], plan: QueryPlan, size: int) -> Iterator[Batch]:
    """Yield keys and times of the events to delete, oldest first. The caller deletes each batch.

    Each batch starts where the last one ended, so that kept events are read once.
    """
    start = Q()
    while True:
        some = limit_to_first(old.filter(start), plan.index_scan, size, backwards=True)
        if plan.residual:
            # Checked on ``size`` events in each query, because a rare match would need a long one.
            end = next(iter(ordered_timestamps(some, backwards=True)[size : size + 1]), None)
            if end is not None:
                # The bounds are the first conditions, because SQLite ends its index scan there.
                some = (
                    Log.objects.using(old.db).filter(up_to_condition(end, backwards=True), start)
                    & some
                )
            found = some.filter(plan.residual).order_by("timestamp").values_list("pk", "timestamp")
            while batch := list(found[:size]):
                yield batch
                if len(batch) < size:
                    break
            if end is None:
                return
            start = Q(timestamp__gt=end)
        else:
            rows = list(some.order_by("timestamp").values_list("pk", "timestamp")[:size])
            if not rows:
                return
            yield rows
            start = Q(timestamp__gte=rows[-1][1])
