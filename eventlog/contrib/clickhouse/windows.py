"""Windows of time, which a page reads one after another until it has enough events.

For a condition on the whole table, ClickHouse would look into every part of it. Most pages need
only the events next to their cursor.
"""

import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import accumulate
from typing import NamedTuple, TypeVar

from django.db.models import Q

from ...review.pagination import MAX_KEY, Cursor, after_cursor_condition
from ...review.search.plan import QueryPlan, up_to_condition
from .columns import PART, QUARTER
from .conditions import Renderer
from .events import moment_of
from .rows import microseconds
from .table import ClickHouseTable

SIZES = (20_000, 200_000, 2_000_000, 20_000_000)  # events; the last window has all other events

# ClickHouse checks so many events in the time in which a database checks one: most if a skip index
# leaves out others, and fewest if their JSON is parsed.
CHECKED_EVENTS, CHECKED_WITH_INDEX, CHECKED_AS_JSON = 200, 2000, 40
MAX_AGE_SECONDS = 60.0  # of the numbers of events

Row = TypeVar("Row")

_remembered: dict[str, tuple[float, Sequence[int], Sequence[int]]] = {}


class PeriodBounds(NamedTuple):
    """The bounds of a period in microseconds; None for no bound."""

    start: int | None = None
    end: int | None = None
    is_exact: bool = True  # whether the condition has no more than these bounds

    @classmethod
    def of(cls, condition: Q) -> "PeriodBounds":
        """Return the bounds that a condition states."""
        if condition.negated or condition.connector != Q.AND:
            return cls(is_exact=not condition)
        bounds = [child for child in condition.children if isinstance(child, tuple)]
        starts = [microseconds(moment) for name, moment in bounds if name == "timestamp__gte"]
        ends = [microseconds(moment) for name, moment in bounds if name == "timestamp__lt"]
        is_exact = len(starts) + len(ends) == len(condition.children)
        return cls(max(starts, default=None), min(ends, default=None), is_exact)


def max_checked_events(plan: QueryPlan, scan_limit: int) -> int:
    """Return the number of events of the table that are checked for a plan."""
    scan_limit = max(1, scan_limit)
    if "JSON" in Renderer().condition(plan.residual):
        return scan_limit * CHECKED_AS_JSON
    return scan_limit * (CHECKED_WITH_INDEX if plan.index_scan else CHECKED_EVENTS)


def read_in_windows(
    table: ClickHouseTable,
    read: Callable[[Q, int], list[Row]],
    plan: QueryPlan,
    count: int,
    *,
    cursor: Cursor | None,
    backwards: bool,
    limit: int | None = None,
    skip: int = 0,
    is_enough: Callable[[list[Row], datetime], bool] = lambda found, end: False,
) -> tuple[list[Row], Cursor | None]:
    """Return the first ``count`` rows of a plan, and a cursor if the check ended at ``limit``.

    ``read`` returns the first rows that meet a condition. ``limit`` is about the number of events
    of the table that are checked. ``skip`` is the number of windows that would be too small.
    ``is_enough`` tells whether the rows up to a time suffice.
    """
    found: list[Row] = []
    bound = after_cursor_condition(cursor, backwards=backwards)
    sizes = SIZES[skip:]
    if limit is not None:
        sizes = (*(size for size in sizes if size < limit), limit)
    end = None
    for end in ends_of(table, plan.period, sizes, cursor=cursor, backwards=backwards):
        window = Q() if end is None else up_to_condition(end, backwards=backwards)
        found += read(bound & window & plan.condition, count - len(found))
        if end is None or len(found) >= count or is_enough(found, end):
            return found, None
        bound = Q(timestamp__gt=end) if backwards else Q(timestamp__lt=end)
    if limit is None:
        return found + read(bound & plan.condition, count - len(found)), None
    return found, None if end is None else Cursor(end, MAX_KEY if backwards else 0)


def ends_of(
    table: ClickHouseTable,
    period: Q,
    sizes: Sequence[int],
    *,
    cursor: Cursor | None = None,
    backwards: bool = False,
) -> Iterator[datetime | None]:
    """Yield the ends of windows that start at the cursor and have about these numbers of events.

    The last one is None if a window has all events of the period.
    """
    start, end, _is_exact = PeriodBounds.of(period)
    if cursor is not None:
        place = microseconds(cursor.timestamp)
        if backwards:
            start = place + 1 if start is None else max(start, place + 1)
        else:
            end = place if end is None else min(end, place)
    parts, totals = _numbers_of_events(table)
    first = 0 if start is None else bisect_left(parts, start // QUARTER)
    last = len(parts) if end is None else bisect_right(parts, (end - 1) // QUARTER)
    before, after = (totals[index - 1] if index else 0 for index in (first, max(first, last)))
    ends: list[int] = []
    for size in sizes:
        if size > after - before:
            yield None
            return
        if backwards:
            reached = (parts[bisect_left(totals, before + size)] + 1) * QUARTER - 1
        else:
            reached = parts[bisect_right(totals, after - size)] * QUARTER
        if reached not in ends:
            ends.append(reached)
            yield moment_of(reached)


def _numbers_of_events(table: ClickHouseTable) -> tuple[Sequence[int], Sequence[int]]:
    """Return the parts of the time that have events, and the number of events up to each.

    They may be old, because only the sizes of windows depend on them.
    """
    now = time.monotonic()
    if table.name in _remembered and _remembered[table.name][0] > now and not table.is_test:
        return _remembered[table.name][1:]
    rows = table.server.query(
        f"SELECT {PART} AS part, count() FROM {table.name} GROUP BY part ORDER BY part"  # noqa: S608
    )
    parts = array("q", [part for part, _count in rows])
    totals = array("q", accumulate(count for _part, count in rows))
    _remembered[table.name] = now + MAX_AGE_SECONDS, parts, totals
    return parts, totals
