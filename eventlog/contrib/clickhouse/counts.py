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
from ...datetimes import aware, hour_of, to_db_timezone
from ...models import Log
from ...models.expressions import NumberFact
from ...models.keys import user_id
from .columns import fact_column
from .selection import Selection

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
        self._select = selection.select
        self._condition = condition & Q(
            timestamp__gte=to_db_timezone(self.start), timestamp__lt=to_db_timezone(self.until)
        )

    def _grouped(
        self, values: Sequence[str], condition: Q | None = None, limit: int = MAX_VALUES
    ) -> list[tuple[Any, ...]]:
        """Return the most frequent values, each with its number of events."""
        numbers = ", ".join(str(number + 1) for number in range(len(values)))
        return self._select(
            ", ".join([*values, "count() AS times"]),
            self._condition if condition is None else self._condition & condition,
            f"GROUP BY {numbers} ORDER BY times DESC LIMIT {limit:d}",
        )

    @cached_property
    def _totals(self) -> Counts:
        counts: Counts = defaultdict(Counter)
        for action, times in self._grouped(["action"]):
            counts["action"][action] = times
            counts["all"][""] += times
        requests = Q(is_request=True)
        page = _fact("view")
        # Each group has the columns of a few dimensions, because all columns together have
        # nearly as many groups as there are events.
        client = [_fact("device_type"), _fact("browser")]
        for device, browser, times in self._grouped(client, requests):
            add_of_request(counts, times, [None, device, browser, None, None, None, None])
        others = ["status", _fact("exception"), "user_state", page]
        for status, exception, state, name, times in self._grouped(others, requests):
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
        rows = self._select("DISTINCT user_id", self._condition & Q(user__isnull=False), "")
        return {user_id(key) for (key,) in rows}

    def by_hour(self) -> Mapping[datetime, int]:
        """Return the number of events of each hour, in no order."""
        found: Counter[datetime] = Counter()
        for moment, times in self._parts(["count()"], "part", self._condition):
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
        condition = self._condition
        if dimension == "status":
            condition &= Q(status__isnull=False, is_request=True)
        found: list[Counter[str]] = [Counter() for _bound in bounds]
        rows = self._parts([f"{value} AS value", "count()"], "part, value", condition)
        for moment, name, times in rows:
            if name in among:
                found[bisect_right(bounds, moment) - 1][name] += times
        return found

    def _parts(self, values: Sequence[str], groups: str, condition: Q) -> list[tuple[Any, ...]]:
        """Return values by quarter of an hour, which each hour of a time zone consists of."""
        part = "intDiv(toUnixTimestamp(timestamp), 900) AS part"
        rows = self._select(", ".join([part, *values]), condition, f"GROUP BY {groups}")
        epoch, quarter = datetime(1970, 1, 1, tzinfo=UTC), timedelta(minutes=15)
        return [(epoch + number * quarter, *rest) for number, *rest in rows]


class PreviousClickHouseCounts(ClickHouseCounts):
    """Like ``ClickHouseCounts``, for an earlier period that ends at any minute."""

    dimensions = COMPARED_DIMENSIONS

    @property
    def until(self) -> datetime:
        return self.end
