"""Reading of the events in ClickHouse."""

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from math import gcd
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.db.models.lookups import Exact

from ...datetimes import shifted
from ...models import Log
from ...models.expressions import Fact
from ...review.export.formats import CHUNK_EVENTS, Chunks, take
from ...review.extras import MAX_LISTED_BYTES, MAX_SHOWN_BYTES
from ...review.histogram import Histogram, bars_of, histogram_of
from ...review.pagination import SCAN_LIMIT, Cursor, Page, after_cursor, page_of
from ...review.reader import ALL_EVENTS, neighbours
from ...review.related import (
    MAX_COUNTED_EVENTS,
    MAX_REQUEST_SPAN,
    Adjacent,
    Position,
)
from ...review.search.plan import QueryPlan
from ...review.search.query import Search
from ...review.search.sources import searching
from ...text import UNSTORABLE
from .conditions import Renderer
from .counts import ClickHouseCounts
from .events import columns, event_of, load_full_extra, with_relations
from .following import ClickHouseFollower
from .source import ClickHouseSource
from .table import Table

NEWEST_FIRST, OLDEST_FIRST = "timestamp DESC, id DESC", "timestamp, id"
MAX_REQUEST_DURATION = timedelta(days=1)  # from an event of a request to its other events
ALIGNMENT_SECONDS = 900  # of the starts of days and hours in all time zones


class ClickHouseReader:
    """The events in a table of ClickHouse, as unsaved ``Log`` objects."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def parse(self, text: str) -> Search:
        with searching(ClickHouseSource(self._table)):
            return Search.parse(text)

    def select(
        self, what: str, condition: Q, rest: str, renderer: Renderer | None = None
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT of the events that meet a condition."""
        renderer = renderer or Renderer()
        where = renderer.condition(condition)
        sql = f"SELECT {what} FROM {self._table.name} WHERE {where} {rest}"  # noqa: S608 (bound)
        return self._table.server.query(sql, renderer.parameters)

    def events(
        self, condition: Q, order: str, limit: int, max_bytes: int = MAX_LISTED_BYTES
    ) -> list[Log]:
        """Return the first events that meet a condition."""
        rows = self.select(columns(max_bytes), condition, f"ORDER BY {order} LIMIT {limit:d}")
        return with_relations([event_of(row) for row in rows])

    def page(
        self,
        plan: QueryPlan = ALL_EVENTS,
        size: int = 100,
        *,
        older: Cursor | None = None,
        newer: Cursor | None = None,
        scan_limit: int = SCAN_LIMIT,
    ) -> Page:
        backwards = newer is not None
        bound = after_cursor(newer or older, backwards=backwards)
        order = OLDEST_FIRST if backwards else NEWEST_FIRST
        found = self.events(bound & plan.condition, order, size + 1)
        return page_of(found, size, older=older, newer=newer)

    def count(self, plan: QueryPlan, limit: int) -> int | None:
        renderer = Renderer()
        where = renderer.condition(plan.condition)
        sql = (
            f"SELECT count() FROM (SELECT 1 FROM {self._table.name} WHERE {where}"  # noqa: S608
            f" LIMIT {limit + 1:d})"
        )
        ((count,),) = self._table.server.query(sql, renderer.parameters)
        return int(count)

    def timeline(
        self, plan: QueryPlan, start: datetime, end: datetime, *, is_whole: bool = False
    ) -> Histogram:
        width, bounds, end = bars_of(start, end)
        if not bounds:
            return Histogram([], width)
        step = gcd(int(width.total_seconds()), ALIGNMENT_SECONDS)
        within = Q(timestamp__gte=bounds[0]) & plan.condition
        rows = self.select(
            f"intDiv(toUnixTimestamp(timestamp), {step}) AS part, count()", within, "GROUP BY part"
        )
        counts: Counter[int] = Counter()
        for part, count in rows:
            moment = datetime.fromtimestamp(part * step, UTC)
            counts[bisect_right(bounds, moment) - 1] += count
        return histogram_of(counts, width, bounds)

    def event(self, key: Any, moment: datetime | None = None) -> Log | None:
        try:
            condition = Q(pk=Log._meta.pk.to_python(key))
        except ValidationError:
            return None
        if moment is not None:
            condition &= Q(timestamp=moment)
        return next(iter(self.events(condition, NEWEST_FIRST, 1, MAX_SHOWN_BYTES)), None)

    def neighbours(self, event: Log, plan: QueryPlan) -> Adjacent:
        return neighbours(self, event, plan)

    def same_request(self, event: Log) -> Sequence[Position]:
        request_id = event.facts.get("request_id")
        if not isinstance(request_id, str) or UNSTORABLE.search(request_id):
            return []
        near = Q(
            timestamp__gte=shifted(event.timestamp, -MAX_REQUEST_SPAN),
            timestamp__lte=shifted(event.timestamp, MAX_REQUEST_DURATION),
        )
        condition = near & Q(Exact(Fact("request_id"), request_id))
        limit = MAX_COUNTED_EVENTS + 1
        found = self.events(condition, OLDEST_FIRST, limit, max_bytes=0)
        return [Position(each.pk, each.timestamp) for each in found]

    def at(self, *groups: Sequence[Position]) -> Sequence[Sequence[Log]]:
        wanted = [each for group in groups for each in group]
        if not wanted:
            return [[] for _ in groups]
        moments = [each.timestamp for each in wanted]
        condition = Q(
            pk__in=[each.pk for each in wanted],
            timestamp__gte=min(moments),
            timestamp__lte=max(moments),
        )
        by_key = {each.pk: each for each in self.events(condition, NEWEST_FIRST, len(wanted))}
        return [[by_key[each.pk] for each in group if each.pk in by_key] for group in groups]

    def chunks(self, plan: QueryPlan = ALL_EVENTS) -> Chunks:
        cursor: Cursor | None = None
        while True:
            some = self.page(plan, CHUNK_EVENTS, older=cursor)
            yield from self.in_full(some.events)
            if (cursor := some.older) is None:
                return

    def in_full(self, events: Sequence[Log]) -> Chunks:
        waiting = deque(events)
        while waiting:
            yield load_full_extra(take(waiting), self._table)

    def follow(self, text: str) -> ClickHouseFollower:
        return ClickHouseFollower(self, text)

    def overview(
        self, start: datetime, end: datetime, plan: QueryPlan | None = None
    ) -> ClickHouseCounts:
        return ClickHouseCounts(self.select, (plan or ALL_EVENTS).condition, start, end)

    def stored_since(self, moment: int, seen: Collection[int], limit: int) -> list[tuple[int, int]]:
        """Return keys and times of storage of events, in this order, without the ``seen`` keys."""
        renderer = Renderer()
        since = f"fromUnixTimestamp64Micro({renderer.value(moment, 'Int64')}, 'UTC')"
        keys = renderer.value([*seen], "Array(Int64)")
        sql = (
            f"SELECT id, toUnixTimestamp64Micro(stored_at) AS stored FROM {self._table.name}"  # noqa: S608
            f" WHERE stored_at >= {since} AND id NOT IN {keys} ORDER BY stored, id LIMIT {limit:d}"
        )
        rows = self._table.server.query(sql, renderer.parameters)
        return [(int(key), int(stored)) for key, stored in rows]

    def now(self) -> int:
        """Return the time of the server in microseconds."""
        ((now,),) = self._table.server.query("SELECT toUnixTimestamp64Micro(now64(6))")
        return int(now)
