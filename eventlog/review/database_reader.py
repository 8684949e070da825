"""Reading of the events in the database."""

from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Min, QuerySet

from ..changes import KEY as CHANGES
from ..counts.backlog import find_backlog
from ..counts.period import (
    NewestPeriodCounts,
    PeriodCounts,
    PreviousNewestPeriodCounts,
    PreviousPeriodCounts,
    count_actions,
)
from ..counts.users import UserCounts, count_users
from ..datetimes import aware, to_db_timezone
from ..models import Log
from ..models.decoding import read_any_text
from ..models.expressions import Text
from ..models.relations import with_relations
from .export.formats import Chunks, chunks, with_full_extra
from .extra_loading import MAX_SHOWN_BYTES, defer_large_extra, fetch
from .figures import count_users_of_period
from .follower import Follower
from .histogram import Histogram, histogram
from .matching_counts import count_matching
from .pagination import ORDER, SCAN_LIMIT, Cursor, Page, estimate_row_count, page
from .reader_results import ActionCounts, EventWithChange
from .related import (
    Adjacent,
    Position,
    adjacent_in_search,
    events_at,
    nearest_positions,
    same_request_positions,
)
from .restriction import is_restricted
from .search.condition import Condition
from .search.filters import find
from .search.plan import ALL_EVENTS, QueryPlan, count_up_to
from .search.query import Search
from .search.reference_filters import has_partial_indexes
from .search.tree import Term

RELATED = ("user", "content_type")
MAX_ACTION_EVENTS = 10_000  # newest events that are read to count actions for restricted staff


class DatabaseReader:
    """The events in the database; ``events`` may leave events out.

    ``related`` names the relations that are loaded with the events.
    """

    has_rows = True

    def __init__(
        self, events: QuerySet[Log] | None = None, related: Sequence[str] = RELATED
    ) -> None:
        self._events: Any = Log.objects.all() if events is None else events
        self._related = related

    @property
    def _rows(self) -> Any:
        return with_relations(self._events, *self._related)

    @property
    def is_restricted(self) -> bool:
        return is_restricted(self._events)

    @property
    def finds_names(self) -> bool:
        return has_partial_indexes()

    def parse(self, text: str) -> Search:
        return Search.parse(text)

    def find(self, term: Term) -> Condition:
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
        return page(self._rows, plan, size, older=older, newer=newer, scan_limit=scan_limit)

    def count(self, plan: QueryPlan, limit: int) -> int | None:
        if plan.residual:
            return None  # it would be checked row by row
        return count_up_to(limit, self._events.filter(plan.period), plan.index_scan)

    def estimate(self) -> int:
        return estimate_row_count()

    def timeline(
        self, plan: QueryPlan, start: datetime, end: datetime, *, is_whole: bool = False
    ) -> Histogram:
        return histogram(self._events, plan, start, end, is_whole=is_whole)

    def actions(self, start: datetime, end: datetime) -> ActionCounts:
        if not self.is_restricted:
            return ActionCounts(*count_actions(start, end))
        within = self._events.filter(timestamp__gte=start, timestamp__lt=end)
        newest = within.order_by(*ORDER).values_list("action", flat=True)
        counts = Counter(newest[:MAX_ACTION_EVENTS])
        is_cut = counts.total() == MAX_ACTION_EVENTS
        return ActionCounts(counts, counted_newest=MAX_ACTION_EVENTS if is_cut else None)

    def event(self, key: Any, moment: datetime | None = None) -> Log | None:
        found = self._rows.filter(pk=key)
        if moment is not None:
            found = found.filter(timestamp=moment)
        return next(iter(fetch(defer_large_extra(found, MAX_SHOWN_BYTES))), None)

    def neighbours(self, event: Log, plan: QueryPlan) -> Adjacent:
        return adjacent_in_search(event, self._rows, plan)

    def same_request(self, event: Log) -> Sequence[Position]:
        return same_request_positions(event, self._events)

    def nearest_positions(
        self, event: Log, plan: QueryPlan, *, backwards: bool
    ) -> Sequence[Position]:
        assert plan.index_scan is not None
        return nearest_positions(event, self._events, plan.index_scan, backwards=backwards)

    def events_at(self, *groups: Sequence[Position]) -> Sequence[Sequence[Log]]:
        return events_at(self._events, *groups)

    def changes_of(self, event: Log, field: str, limit: int) -> Sequence[EventWithChange]:
        # The index of objects finds these events, newest first. Only the field's values are loaded.
        of_object = self._events.filter(
            content_type=event.content_type_id, object_id=event.object_id
        )
        rows = of_object.annotate(_pair=Text(CHANGES, field)).order_by(*ORDER)
        columns = ("pk", "timestamp", "user_id", "user_repr", "action", "_pair")
        found = rows.values_list(*columns)[:limit]
        return [EventWithChange(*row) for row in read_any_text(lambda: list(found), found.db)]

    def chunks(self, plan: QueryPlan = ALL_EVENTS) -> Chunks:
        return chunks(self._events, plan)

    def with_full_extra(self, events: Sequence[Log]) -> Chunks:
        return with_full_extra(deque(events))

    def follow(self, text: str) -> Follower:
        return Follower(text)

    def overview(
        self,
        start: datetime,
        end: datetime,
        plan: QueryPlan | None = None,
        *,
        compared_from: datetime | None = None,
    ) -> PeriodCounts:
        if plan is None and not self.is_restricted:
            return PeriodCounts(start, end, find_backlog(compared_from or start, self._events.db))
        return count_matching(NewestPeriodCounts, self._events, plan or ALL_EVENTS, start, end)

    def overview_before(
        self, counts: PeriodCounts, start: datetime, end: datetime, plan: QueryPlan | None = None
    ) -> PeriodCounts:
        if counts.is_stored:
            return PreviousPeriodCounts(start, end, counts.backlog)
        plan = plan or ALL_EVENTS
        return count_matching(PreviousNewestPeriodCounts, self._events, plan, start, end)

    def users(self, counts: PeriodCounts) -> UserCounts:
        return count_users_of_period(counts, self._events)

    def users_since(self, start: datetime) -> UserCounts:
        since = self._events.filter(timestamp__gte=to_db_timezone(start))
        return count_users(since, start)

    def oldest(self) -> datetime | None:
        found = Log.objects.using(self._events.db).aggregate(oldest=Min("timestamp"))["oldest"]
        return found if found is None else aware(found)
