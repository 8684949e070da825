"""Months in UTC, whose first moments are the bounds of partitions."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

from ..datetimes import aware


class TimeRange(NamedTuple):
    """The time from ``lower`` on and before ``upper``; None is without a bound."""

    lower: datetime | None
    upper: datetime | None

    def has(self, moment: datetime) -> bool:
        """Return whether ``moment`` is in the span."""
        is_late_enough = self.lower is None or moment >= self.lower
        return is_late_enough and (self.upper is None or moment < self.upper)


def month_of(moment: datetime) -> datetime:
    """Return the start of the month of ``moment``."""
    in_utc = aware(moment).astimezone(UTC)
    return in_utc.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def months_later(month: datetime, by: int = 1) -> datetime:
    """Return the start of the month that follows ``by`` months later."""
    number = month.year * 12 + month.month - 1 + by
    return month.replace(year=number // 12, month=number % 12 + 1)


def months(start: datetime, end: datetime) -> Iterator[TimeRange]:
    """Yield the months from ``start`` on and before ``end``."""
    while start < end:
        yield TimeRange(start, months_later(start))
        start = months_later(start)


def gaps(span: TimeRange, covered: Sequence[TimeRange]) -> Iterator[TimeRange]:
    """Yield the parts of a bounded ``span`` that no span of ``covered`` has."""
    start, end = span
    assert start is not None and end is not None
    edges = {start, end}
    edges |= {edge for each in covered for edge in each if edge is not None and span.has(edge)}
    for lower, upper in pairwise(sorted(edges)):
        if not any(each.has(lower) for each in covered):
            yield TimeRange(lower, upper)


def sql_literal(moment: datetime | None, unbounded: str) -> str:
    """Return a bound in SQL."""
    if moment is None:
        return unbounded
    return f"'{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}+00'"
