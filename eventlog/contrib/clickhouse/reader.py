"""Reading of the events in ClickHouse."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.db.models.lookups import Exact

from ...changes import KEY as CHANGES
from ...counts.period import PeriodCounts
from ...counts.users import UserCounts, count_users_with_keys
from ...datetimes import aware, shifted
from ...models import Log
from ...models.expressions import Fact
from ...models.keys import user_id
from ...review.export.formats import CHUNK_EVENTS, Chunks, take_chunk
from ...review.extra_loading import MAX_SHOWN_BYTES
from ...review.histogram import Histogram
from ...review.pagination import SCAN_LIMIT, SCAN_LIMIT_FACTOR, Cursor, Page, page_of
from ...review.reader_results import ActionCounts, EventWithChange
from ...review.related import (
    MAX_COUNTED_EVENTS,
    MAX_EVENTS_AROUND,
    MAX_REQUEST_SPAN,
    MAX_SESSION_GAP,
    MAX_WALKED_EVENTS,
    Adjacent,
    Position,
)
from ...review.search.condition import Condition
from ...review.search.filters import find
from ...review.search.name_sources import looking_up_names_in
from ...review.search.plan import ALL_EVENTS, QueryPlan
from ...review.search.query import InvalidSearch, Problem, Search
from ...review.search.tree import Term
from ...text import UNSTORABLE
from .aggregation import count_values
from .columns import DAY, QUARTER, text_sql
from .conditions import Renderer
from .counts import ClickHouseCounts, PreviousClickHouseCounts
from .events import in_utc, load_full_extra, moment_of
from .follower import ClickHouseFollower
from .name_source import ClickHouseNameSource
from .rows import LAST
from .table import ClickHouseTable
from .timeline import timeline
from .visible_events import VisibleEvents
from .windows import max_checked_events, read_in_windows

NEWEST_FIRST, OLDEST_FIRST = "timestamp DESC, id DESC", "timestamp, id"
MAX_REQUEST_DURATION = timedelta(days=1)  # from an event of a request to its other events
EXPORT_SCAN_LIMIT = SCAN_LIMIT * SCAN_LIMIT_FACTOR
TIME = "toUnixTimestamp64Micro(timestamp)"


class ClickHouseReader:
    """The events in a table of ClickHouse, as unsaved ``Log`` objects.

    ``events`` may leave events out. Raises ``InvalidSearch`` if ClickHouse cannot do so.
    """

    has_rows = False
    finds_names = True

    def __init__(self, table: ClickHouseTable, events: QuerySet[Log] | None = None) -> None:
        self._table = table
        self._visible = VisibleEvents(table, events)

    @property
    def is_restricted(self) -> bool:
        return self._visible.is_restricted

    def parse(self, text: str) -> Search:
        with looking_up_names_in(ClickHouseNameSource(self._table)):
            search = Search.parse(text)
        try:
            Renderer().condition(search.plan.condition)
        except InvalidSearch as error:
            return replace(search, errors=[*search.errors, Problem(text, str(error))])
        return search

    def find(self, term: Term) -> Condition:
        with looking_up_names_in(ClickHouseNameSource(self._table)):
            return find(term)

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
        order = OLDEST_FIRST if backwards else NEWEST_FIRST
        found, end = read_in_windows(
            self._table,
            lambda condition, limit: self._visible.events(condition, order, limit),
            plan,
            size + 1,
            cursor=newer or older,
            backwards=backwards,
            skip=1 if plan.index_scan or plan.residual else 0,
            limit=max_checked_events(plan, scan_limit) if plan.residual else None,
        )
        return page_of(found, size, older=older, newer=newer, end=end)

    def count(self, plan: QueryPlan, limit: int) -> int | None:
        if plan.residual:
            return None  # every event would be checked
        return self._visible.count(plan.condition, limit)

    def estimate(self) -> int:
        ((count,),) = self._table.server.query(f"SELECT count() FROM {self._table.name}")  # noqa: S608
        return int(count)

    def timeline(
        self, plan: QueryPlan, start: datetime, end: datetime, *, is_whole: bool = False
    ) -> Histogram:
        return timeline(self._visible, plan, start, end, max_checked_events(plan, SCAN_LIMIT))

    def actions(self, start: datetime, end: datetime) -> ActionCounts:
        rows = count_values(self._visible, ["action"], Q(), start, end, length=QUARTER)
        return ActionCounts(Counter(dict(rows)))

    def event(self, key: Any, moment: datetime | None = None) -> Log | None:
        try:
            condition = Q(pk=Log._meta.pk.to_python(key))
        except ValidationError:
            return None
        if moment is not None:
            condition &= Q(timestamp=moment)
        return next(iter(self._visible.events(condition, NEWEST_FIRST, 1, MAX_SHOWN_BYTES)), None)

    def neighbours(self, event: Log, plan: QueryPlan) -> Adjacent:
        cursor = Cursor(event.timestamp, event.pk)
        newer, older = self.page(plan, 1, newer=cursor), self.page(plan, 1, older=cursor)
        return Adjacent(*(next(iter(some.events), None) for some in (newer, older)))

    def same_request(self, event: Log) -> Sequence[Position]:
        request_id = event.facts.get("request_id")
        if not isinstance(request_id, str) or UNSTORABLE.search(request_id):
            return []
        near = Q(
            timestamp__gte=shifted(event.timestamp, -MAX_REQUEST_SPAN),
            timestamp__lte=shifted(event.timestamp, MAX_REQUEST_DURATION),
        )
        condition = near & Q(Exact(Fact("request_id"), request_id))
        return self._positions(condition, OLDEST_FIRST, MAX_COUNTED_EVENTS + 1)

    def nearest_positions(
        self, event: Log, plan: QueryPlan, *, backwards: bool
    ) -> Sequence[Position]:
        order = OLDEST_FIRST if backwards else NEWEST_FIRST
        found, _end = read_in_windows(
            self._table,
            lambda condition, limit: self._positions(condition, order, limit),
            plan,
            MAX_WALKED_EVENTS,
            cursor=Cursor(event.timestamp, event.pk),
            backwards=backwards,
            skip=2,
            is_enough=_has_session,
        )
        return found

    def _positions(self, condition: Q, order: str, limit: int) -> list[Position]:
        columns = f"id, {TIME}, ip, user_id, user_repr, user_state"
        rows = self._visible.select(columns, condition, f"ORDER BY {order} LIMIT {limit:d}")
        return [
            Position(key, moment_of(time), ip, None if user is None else user_id(user), name, state)
            for key, time, ip, user, name, state in rows
        ]

    def events_at(self, *groups: Sequence[Position]) -> Sequence[Sequence[Log]]:
        wanted = [each for group in groups for each in group]
        if not wanted:
            return [[] for _ in groups]
        # The times are a condition too, because the table is in this order.
        keys, moments = ([*each] for each in zip(*(each[:2] for each in wanted), strict=True))
        condition = Q(pk__in=keys, timestamp__in=moments)
        found = self._visible.events(condition, NEWEST_FIRST, len(wanted))
        by_key = {each.pk: each for each in found}
        return [[by_key[each.pk] for each in group if each.pk in by_key] for group in groups]

    def changes_of(self, event: Log, field: str, limit: int) -> Sequence[EventWithChange]:
        renderer = Renderer()
        pair = text_sql(f"'{CHANGES}'", renderer.value(field, "String"))
        of_object = Q(content_type=event.content_type_id, object_id=event.object_id)
        rows = self._visible.select(
            f"id, {TIME}, user_id, user_repr, action, {pair}",
            of_object,
            f"ORDER BY {NEWEST_FIRST} LIMIT {limit:d}",
            renderer,
        )
        return [
            EventWithChange(key, moment_of(time), None if user is None else user_id(user), *rest)
            for key, time, user, *rest in rows
        ]

    def chunks(self, plan: QueryPlan = ALL_EVENTS) -> Chunks:
        cursor: Cursor | None = None
        while True:
            some = self.page(plan, CHUNK_EVENTS, older=cursor, scan_limit=EXPORT_SCAN_LIMIT)
            yield from self.with_full_extra(some.events)
            if (cursor := some.older or some.scanned_until) is None:
                return

    def with_full_extra(self, events: Sequence[Log]) -> Chunks:
        waiting = deque(events)
        while waiting:
            yield load_full_extra(take_chunk(waiting), self._table)

    def follow(self, text: str) -> ClickHouseFollower:
        return ClickHouseFollower(self._visible, self.parse, text)

    def overview(
        self,
        start: datetime,
        end: datetime,
        plan: QueryPlan | None = None,
        *,
        compared_from: datetime | None = None,
    ) -> PeriodCounts:
        return ClickHouseCounts(self._visible, (plan or ALL_EVENTS).condition, start, end)

    def overview_before(
        self, counts: PeriodCounts, start: datetime, end: datetime, plan: QueryPlan | None = None
    ) -> PeriodCounts:
        return PreviousClickHouseCounts(self._visible, (plan or ALL_EVENTS).condition, start, end)

    def users(self, counts: PeriodCounts) -> UserCounts:
        assert isinstance(counts, ClickHouseCounts)
        return count_users_with_keys(counts.users, counts.start)

    def users_since(self, start: datetime) -> UserCounts:
        rows = count_values(self._visible, ["user_id"], Q(), start, LAST, length=DAY)
        keys = {user_id(key) for key, _times in rows if key is not None}
        return count_users_with_keys(keys, start)

    def oldest(self) -> datetime | None:
        rows = self._table.server.query(
            f"SELECT {TIME} FROM {self._table.name} ORDER BY timestamp LIMIT 1"  # noqa: S608
        )
        return next((in_utc(time) for (time,) in rows), None)


def _has_session(found: Sequence[Position], end: datetime) -> bool:
    """Return whether no event beyond ``end`` belongs to the session of work before it."""
    if len(found) < MAX_EVENTS_AROUND:
        return False
    gap = aware(end) - aware(found[-1].timestamp)
    return abs(gap) >= MAX_SESSION_GAP
