"""Numbers of events of a period, from the projections where they apply."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q

from .columns import DAY, TOP_ADDRESSES, part_sql
from .conditions import Renderer
from .rows import microseconds
from .visible_events import VisibleEvents


def count_values(
    visible: VisibleEvents,
    values: Sequence[str],
    condition: Q,
    start: datetime,
    end: datetime,
    *,
    length: int | None = None,
    limit: int | None = None,
) -> list[tuple[Any, ...]]:
    """Return each combination of values with its number of events, the most frequent first.

    The events are those from ``start`` up to ``end`` that meet the condition. ``length`` belongs
    to a projection with all values of the query, see ``columns.PROJECTIONS``. Its parts within the
    period are read instead of their events.
    """
    renderer = Renderer()
    names = [f"value{number}" for number in range(len(values))]
    columns = ", ".join(f"{value} AS {name}" for name, value in zip(names, values, strict=True))
    groups = ", ".join(names)
    counted = " UNION ALL ".join(
        f"SELECT {columns}, count() AS times FROM {visible.table.name}"  # noqa: S608 (bound)
        f" WHERE {visible.where(condition, renderer)} AND {within} GROUP BY {groups}"
        for within in _spans(start, end, None if visible.is_restricted else length)
    )
    if not counted:
        return []
    most = "" if limit is None else f" ORDER BY events DESC, {groups} LIMIT {limit:d}"
    return visible.table.server.query(
        f"SELECT {groups}, sum(times) AS events FROM ({counted}) GROUP BY {groups}{most}",  # noqa: S608
        renderer.parameters,
    )


def top_addresses(
    visible: VisibleEvents, condition: Q, start: datetime, end: datetime, limit: int
) -> list[tuple[str, int]]:
    """Return the most frequent addresses of a period, each with at least its number of events.

    Exact counts of millions of addresses would take longer than all other parts of an overview.
    """
    renderer = Renderer()
    is_projected = not condition and not visible.is_restricted
    found = " UNION ALL ".join(
        f"SELECT arrayJoin({TOP_ADDRESSES}) AS entry FROM {visible.table.name}"  # noqa: S608 (bound)
        f" WHERE {visible.where(condition, renderer)} AND {within}"
        for within in _spans(start, end, DAY if is_projected else None)
    )
    if not found:
        return []
    rows = visible.table.server.query(
        # The error is the largest number of events by which the count may be too large.
        f"SELECT entry.1 AS address, sum(entry.2 - entry.3) AS events FROM ({found})"  # noqa: S608
        f" GROUP BY address ORDER BY events DESC, address LIMIT {limit:d}",
        renderer.parameters,
    )
    return [(address, count) for address, count in rows]


def _spans(start: datetime, end: datetime, length: int | None) -> list[str]:
    """Return the conditions on the time that make up a period."""
    first, last = microseconds(start), microseconds(end)
    if first >= last:
        return []
    begin, stop = (-(-first // length), last // length) if length else (0, 0)
    if begin >= stop:
        return [_between(first, last)]
    assert length is not None
    part = part_sql(length)
    edges = [(first, begin * length), (stop * length, last)]
    return [
        f"{part} >= {begin:d} AND {part} < {stop:d}",
        *(_between(*edge) for edge in edges if edge[0] < edge[1]),
    ]


def _between(start: int, end: int) -> str:
    since, until = (f"fromUnixTimestamp64Micro({each:d}, 'UTC')" for each in (start, end))
    return f"timestamp >= {since} AND timestamp < {until}"
