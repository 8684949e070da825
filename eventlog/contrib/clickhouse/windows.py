"""Windows of time, which a page reads one after another until it has enough events.

For a condition on the whole table, ClickHouse would look into every part of it. Most pages need
only the events next to their cursor.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from django.db.models import Q

from ...review.pagination import MAX_KEY, Cursor, after_cursor
from ...review.search.plan import QueryPlan, up_to
from .columns import PART, QUARTER
from .events import moment_of
from .rows import microseconds
from .table import Table

SIZES = (20_000, 200_000, 2_000_000, 20_000_000)  # events; the last window has all other events

Row = TypeVar("Row")


class Period(NamedTuple):
    """The bounds of a period in microseconds; None for no bound."""

    start: int | None = None
    end: int | None = None
    is_exact: bool = True  # whether the condition has no more than these bounds

    @classmethod
    def of(cls, condition: Q) -> "Period":
        """Return the bounds that a condition states."""
        if condition.negated or condition.connector != Q.AND:
            return cls(is_exact=not condition)
        bounds = [child for child in condition.children if isinstance(child, tuple)]
        starts = [microseconds(moment) for name, moment in bounds if name == "timestamp__gte"]
        ends = [microseconds(moment) for name, moment in bounds if name == "timestamp__lt"]
        is_exact = len(starts) + len(ends) == len(condition.children)
        return cls(max(starts, default=None), min(ends, default=None), is_exact)


def read_in_windows(
    table: Table,
    read: Callable[[Q, int], list[Row]],
    plan: QueryPlan,
    count: int,
    *,
    cursor: Cursor | None,
    backwards: bool,
    limit: int | None = None,
) -> tuple[list[Row], Cursor | None]:
    """Return the first ``count`` rows of a plan, and a cursor if the check ended at ``limit``.

    ``read`` returns the first rows that meet a condition. ``limit`` is about the number of events
    of the table that are checked.
    """
    found: list[Row] = []
    bound = after_cursor(cursor, backwards=backwards)
    sizes = SIZES if limit is None else [*(size for size in SIZES if size < limit), limit]
    end = None
    for end in ends_of(table, plan.period, sizes, cursor=cursor, backwards=backwards):
        window = Q() if end is None else up_to(end, backwards=backwards)
        found += read(bound & window & plan.condition, count - len(found))
        if end is None or len(found) >= count:
            return found, None
        bound = Q(timestamp__gt=end) if backwards else Q(timestamp__lt=end)
    if limit is None:
        return found + read(bound & plan.condition, count - len(found)), None
    return found, None if end is None else Cursor(end, MAX_KEY if backwards else 0)


def ends_of(
    table: Table,
    period: Q,
    sizes: Sequence[int],
    *,
    cursor: Cursor | None = None,
    backwards: bool = False,
) -> Iterator[datetime | None]:
    """Yield the ends of windows that start at the cursor and have about these numbers of events.

    The last one is None if a window has all events of the period.
    """
    start, end, _is_exact = Period.of(period)
    if cursor is not None:
        place = microseconds(cursor.timestamp)
        start, end = (place, end) if backwards else (start, place)
    bounds = [] if start is None else [f"{PART} >= {start // QUARTER:d}"]
    bounds += [] if end is None else [f"{PART} <= {end // QUARTER:d}"]
    where = f"WHERE {' AND '.join(bounds)}" if bounds else ""
    order, nearest = ("", "minOrNullIf") if backwards else (" DESC", "maxOrNullIf")
    picks = ", ".join(f"{nearest}(part, total >= {size:d})" for size in sizes)
    (parts,) = table.server.query(
        f"SELECT {picks} FROM (SELECT part, sum(events) OVER (ORDER BY part{order}) AS total FROM"  # noqa: S608
        f" (SELECT {PART} AS part, count() AS events FROM {table.name} {where} GROUP BY part))"
    )
    for number, part in enumerate(parts):
        if part is None:
            yield None
            return
        if part not in parts[:number]:
            yield moment_of((part + 1) * QUARTER - 1 if backwards else part * QUARTER)
