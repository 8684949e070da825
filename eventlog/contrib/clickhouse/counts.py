"""The counts of a period, by aggregation in ClickHouse."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from django.db import router
from django.db.models import Q
from django.db.models.lookups import IsNull

from ...counts.backlog import Backlog
from ...counts.counting import (
    COMPARED_DIMENSIONS,
    LATENCY_BUCKETS,
    MAX_ADDRESSES_PER_HOUR,
    MAX_VALUE_LENGTH,
    OVERFLOW,
    Counts,
    add_of_request,
)
from ...counts.period import NewestPeriodCounts
from ...datetimes import aware, hour_of
from ...models import Log
from ...models.expressions import NumberFact
from ...models.keys import user_id
from .columns import PART, PART_MICROSECONDS, fact_column
from .rows import microseconds
from .selection import Selection

EVERY_EVENT = Q()
MAX_VALUES = 10_000  # of a dimension
_BUCKETS = ", ".join(f"took <= {bound}, {bound}" for bound in LATENCY_BUCKETS)


def _fact(key: str) -> str:
    return f"leftUTF8({fact_column(key)}, {MAX_VALUE_LENGTH})"


class ClickHouseCounts(NewestPeriodCounts):
    """The counts of all events of a period that meet a condition."""

    def __init__(self, selection: Selection, condition: Q, start: datetime, end: datetime) -> None:
        self.using = router.db_for_read(Log)
        self.start, self.end = hour_of(start), aware(end)
        self.backlog = Backlog([], [])
        self.is_cut = self.is_check_limited = False
        self.live_from = self.start
        self.live = {}
        self._selection, self._condition = selection, condition
        self._is_whole = not condition and not selection.is_restricted

    def _select(
        self, what: str, condition: Q, rest: str = "", *, is_projected: bool = False
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT of the events of the period.

        ``is_projected``: a projection has the values, so the period is a condition on its parts.
        """
        start, end = microseconds(self.start), microseconds(self.until)
        found: list[tuple[Any, ...]] = []
        if is_projected and self._is_whole:
            first, last = start // PART_MICROSECONDS, end // PART_MICROSECONDS
            parts = f"AND {PART} >= {first:d} AND {PART} < {last:d} {rest}"
            found += self._selection.select(what, condition, parts)
            start = last * PART_MICROSECONDS  # the rest is less than a part
        if start < end:
            times = [f"fromUnixTimestamp64Micro({each:d}, 'UTC')" for each in (start, end)]
            within = f"AND timestamp >= {times[0]} AND timestamp < {times[1]} {rest}"
            found += self._selection.select(what, self._condition & condition, within)
        return found

    def _grouped(
        self,
        values: Sequence[str],
        condition: Q = EVERY_EVENT,
        limit: int = MAX_VALUES,
        *,
        is_projected: bool = False,
    ) -> list[tuple[Any, ...]]:
        """Return the most frequent values, each with its number of events."""
        numbers = ", ".join(str(number + 1) for number in range(len(values)))
        return self._select(
            ", ".join([*values, "count() AS times"]),
            condition,
            f"GROUP BY {numbers} ORDER BY times DESC LIMIT {limit:d}",
            is_projected=is_projected,
        )

    @cached_property
    def _totals(self) -> Counts:
        counts: Counts = defaultdict(Counter)
        for action, times in self._grouped(["action"], is_projected=True):
            counts["action"][action] += times
            counts["all"][""] += times
        requests = Q(is_request=True)
        page = _fact("view")
        # Each group has the columns of a few dimensions, because all columns together have
        # nearly as many groups as there are events.
        client = [_fact("device_type"), _fact("browser")]
        for device, browser, times in self._grouped(client, requests, is_projected=True):
            add_of_request(counts, times, [None, device, browser, None, None, None, None])
        others = ["status", _fact("exception"), "user_state", page]
        rows = self._grouped(others, requests, is_projected=True)
        for status, exception, state, name, times in rows:
            add_of_request(counts, times, [status, None, None, name, exception, state, None])
        took, timed = fact_column("duration_ms"), Q(IsNull(NumberFact("duration_ms"), False))
        bucket = f"multiIf({_BUCKETS}, {OVERFLOW})".replace("took", took)
        for name, bound, times in self._grouped([page, bucket], requests & timed):
            counts[f"ms{bound}"][name or ""] += times
        limit = MAX_ADDRESSES_PER_HOUR
        for dimension, column in (("address", "ip"), ("user", "user_repr")):
            if dimension not in self.dimensions:
                continue
            rows = self._grouped([column], limit=limit + 1)
            counts[dimension].update({value: times for value, times in rows if value})
        return counts

    @property
    def users(self) -> set[Any]:  # type: ignore[override]
        """The primary keys of the users with an event."""
        rows = self._select("DISTINCT user_id", Q(user__isnull=False))
        return {user_id(key) for (key,) in rows}

    def by_hour(self) -> Mapping[datetime, int]:
        """Return the number of events of each hour, in no order."""
        found: Counter[datetime] = Counter()
        for moment, times in self._parts(["count()"], "part", EVERY_EVENT):
            found[hour_of(moment)] += times
        return found

    def over_time(
        self, dimension: str, among: Collection[str], bounds: Sequence[datetime]
    ) -> list[Counter[str]]:
        """Return the number of events of each value, from each of ``bounds`` up to the next."""
        value = {
            "action": "action",
            "status": "concat(toString(intDiv(status, 100)), 'xx')",
        }.get(dimension, "''")
        condition = EVERY_EVENT
        if dimension == "status":
            condition = Q(status__isnull=False, is_request=True)
        found: list[Counter[str]] = [Counter() for _bound in bounds]
        rows = self._parts([f"{value} AS value", "count()"], "part, value", condition)
        for moment, name, times in rows:
            if name in among:
                found[bisect_right(bounds, moment) - 1][name] += times
        return found

    def _parts(self, values: Sequence[str], groups: str, condition: Q) -> list[tuple[Any, ...]]:
        """Return values by quarter of an hour, which each hour of a time zone consists of."""
        what = ", ".join([f"{PART} AS part", *values])
        rows = self._select(what, condition, f"GROUP BY {groups}", is_projected=True)
        epoch, quarter = datetime(1970, 1, 1, tzinfo=UTC), timedelta(minutes=15)
        return [(epoch + number * quarter, *rest) for number, *rest in rows]


class PreviousClickHouseCounts(ClickHouseCounts):
    """Like ``ClickHouseCounts``, for an earlier period that ends at any minute."""

    dimensions = COMPARED_DIMENSIONS

    @property
    def until(self) -> datetime:
        return self.end
