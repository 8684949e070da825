"""The counts of a period, by aggregation in ClickHouse."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import router
from django.db.models import Q

from ...counts.backlog import Backlog
from ...counts.counting import (
    COMPARED_DIMENSIONS,
    MAX_VALUE_LENGTH,
    Counts,
    add_of_request,
)
from ...counts.period import NewestPeriodCounts
from ...datetimes import aware, hour_of
from ...models import Log
from ...models.keys import user_id
from .aggregation import count_values, top_addresses
from .columns import BUCKET, DAY, HOUR, QUARTER, fact_column, longer_part_sql
from .events import in_utc
from .visible_events import VisibleEvents

EVERY_EVENT = Q()
MAX_VALUES = 10_000  # of a dimension
MAX_RANKED = 20  # addresses


def _fact(key: str) -> str:
    return f"leftUTF8({fact_column(key)}, {MAX_VALUE_LENGTH})"


class ClickHouseCounts(NewestPeriodCounts):
    """The counts of all events of a period that meet a condition."""

    def __init__(
        self, visible: VisibleEvents, condition: Q, start: datetime, end: datetime
    ) -> None:
        self.using = router.db_for_read(Log)
        self.start, self.end = hour_of(start), aware(end)
        self.backlog = Backlog([], [])
        self.is_cut = self.is_check_limited = False
        self.live_from = self.start
        self.live = {}
        self._visible, self._condition = visible, condition

    def _counted(
        self,
        values: Sequence[str],
        condition: Q = EVERY_EVENT,
        *,
        length: int = QUARTER,
        limit: int | None = MAX_VALUES,
    ) -> list[tuple[Any, ...]]:
        """Return values of the events of the period, see ``count_values()``."""
        return count_values(
            self._visible,
            values,
            self._condition & condition,
            self.start,
            self.until,
            length=None if self._condition else length,
            limit=limit,
        )

    @cached_property
    def _totals(self) -> Counts:
        counts: Counts = defaultdict(Counter)
        for action, times in self._counted(["action"]):
            counts["action"][action] += times
            counts["all"][""] += times
        requests = Q(is_request=True)
        page = _fact("view")
        # Each group has the columns of a few dimensions, because all columns together have
        # nearly as many groups as there are events.
        client = [_fact("device_type"), _fact("browser")]
        for device, browser, times in self._counted(client, requests, length=HOUR):
            add_of_request(counts, times, [None, device, browser, None, None, None, None])
        others = ["status", _fact("exception"), "user_state", page]
        rows = self._counted(others, requests, length=HOUR)
        for status, exception, state, name, times in rows:
            add_of_request(counts, times, [status, None, None, name, exception, state, None])
        for name, bound, times in self._counted([page, BUCKET], requests, length=HOUR):
            if bound is not None:
                counts[f"ms{bound}"][name or ""] += times
        if "user" in self.dimensions:
            for name, _key, times in self._people:
                if name:
                    counts["user"][name] += times
            period = self.start, self.until
            addresses = top_addresses(self._visible, self._condition, *period, MAX_RANKED)
            counts["address"].update(dict(addresses))
        return counts

    @cached_property
    def _people(self) -> list[tuple[Any, ...]]:
        """The names and keys of users, each with the number of events."""
        return self._counted(["user_repr", "user_id"], length=DAY, limit=None)

    @property
    def users(self) -> set[Any]:  # type: ignore[override]
        """The primary keys of the users with an event."""
        return {user_id(key) for _name, key, _times in self._people if key is not None}

    def by_hour(self) -> Mapping[datetime, int]:
        """Return the number of events of each hour, in no order."""
        found: Counter[datetime] = Counter()
        for moment, times in self._by_part:
            found[hour_of(moment)] += times
        return found

    @cached_property
    def _by_part(self) -> list[tuple[Any, ...]]:
        return self._parts([], EVERY_EVENT)

    def over_time(
        self, dimension: str, among: Collection[str], bounds: Sequence[datetime]
    ) -> list[Counter[str]]:
        """Return the number of events of each value, from each of ``bounds`` up to the next."""
        found: list[Counter[str]] = [Counter() for _bound in bounds]
        for moment, *names, times in self._series(dimension):
            name = names[0] if names else ""
            if name in among:
                found[bisect_right(bounds, moment) - 1][name] += times
        return found

    def _series(self, dimension: str) -> list[tuple[Any, ...]]:
        """Return the values of a dimension by part of the time."""
        if dimension == "action":
            return self._parts(["action"], EVERY_EVENT)
        if dimension == "status":
            status = "concat(toString(intDiv(status, 100)), 'xx')"
            return self._parts([status], Q(status__isnull=False, is_request=True))
        return self._by_part

    def _parts(self, values: Sequence[str], condition: Q) -> list[tuple[Any, ...]]:
        """Return values by hour, or by quarter of an hour if hours start at another minute."""
        length = QUARTER if self.start.minute else HOUR
        rows = self._counted([longer_part_sql(length // QUARTER), *values], condition, limit=None)
        return [(in_utc(number * length), *rest) for number, *rest in rows]


class PreviousClickHouseCounts(ClickHouseCounts):
    """Like ``ClickHouseCounts``, for an earlier period that ends at any minute."""

    dimensions = COMPARED_DIMENSIONS

    @property
    def until(self) -> datetime:
        return self.end
