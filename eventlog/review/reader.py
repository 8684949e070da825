"""Reading of events, from the database or from the store of another backend.

Pages, commands and ``eventlog.reader()`` in Python use this interface. A search is parsed by the
reader, because names in it are looked up in the store.
"""

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

from django.db.models import QuerySet

from ..backends import get_backend
from ..counts.period import NewestPeriodCounts, PeriodCounts
from ..models import Log
from ..models.relations import select
from .export.formats import Chunks, chunks, with_full_extra
from .extras import MAX_SHOWN_BYTES, defer_large_extra, fetch
from .follower import Follower
from .histogram import Histogram, histogram
from .matching import count_matching
from .pagination import SCAN_LIMIT, Cursor, Page, page
from .related import Adjacent, Position, lines, of_same_request
from .search.plan import QueryPlan, count_up_to
from .search.query import Search

ALL_EVENTS = QueryPlan()


class EventFollower(Protocol):
    """Finds the events that were stored since it was created or last asked."""

    def skip(self, keys: Collection[int]) -> None:
        """Do not find the events with these keys."""

    def new(self) -> Iterator[Sequence[Log]]:
        """Yield the new events in chunks, each oldest first."""


class Reader(Protocol):
    """A store of events that can be searched.

    Events are ``Log`` objects. A condition that the store cannot apply raises ``InvalidSearch``.
    """

    def parse(self, text: str) -> Search:
        """Return the search in ``text``, with its errors, hints and plan."""

    def page(
        self,
        plan: QueryPlan = ALL_EVENTS,
        size: int = 100,
        *,
        older: Cursor | None = None,
        newer: Cursor | None = None,
        scan_limit: int = SCAN_LIMIT,
    ) -> Page:
        """Return the newest events of a plan, or those next to a cursor."""

    def count(self, plan: QueryPlan, limit: int) -> int | None:
        """Count events; ``limit`` + 1 if there are more, None if the store cannot count them."""

    def timeline(
        self, plan: QueryPlan, start: datetime, end: datetime, *, is_whole: bool = False
    ) -> Histogram:
        """Count the events over time. ``is_whole``: the plan has no condition but its period."""

    def event(self, key: Any, moment: datetime | None = None) -> Log | None:
        """Return an event by its primary key; its time, if known, makes it quicker to find."""

    def neighbours(self, event: Log, plan: QueryPlan) -> Adjacent:
        """Return the next newer and the next older event in a search."""

    def same_request(self, event: Log) -> Sequence[Position]:
        """Return the events of the same request, this one included, the oldest first."""

    def at(self, *groups: Sequence[Position]) -> Sequence[Sequence[Log]]:
        """Return the events at these positions."""

    def chunks(self, plan: QueryPlan = ALL_EVENTS) -> Chunks:
        """Yield all events, newest first, in chunks that are bounded in rows and bytes."""

    def in_full(self, events: Sequence[Log]) -> Chunks:
        """Yield events of a page with all of ``extra``, in chunks that are bounded in bytes."""

    def follow(self, text: str) -> EventFollower:
        """Return a follower of the events that a search finds."""

    def overview(
        self, start: datetime, end: datetime, plan: QueryPlan | None = None
    ) -> PeriodCounts:
        """Return the counts of a period, of all events or of those that a plan finds."""


class DatabaseReader:
    """The events in the database; ``events`` may leave events out."""

    def __init__(self, events: QuerySet[Log] | None = None) -> None:
        self._events: Any = Log.objects.all() if events is None else events

    @property
    def _rows(self) -> Any:
        return select(self._events, "user", "content_type")

    def parse(self, text: str) -> Search:
        return Search.parse(text)

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

    def timeline(
        self, plan: QueryPlan, start: datetime, end: datetime, *, is_whole: bool = False
    ) -> Histogram:
        return histogram(self._events, plan, start, end, is_whole=is_whole)

    def event(self, key: Any, moment: datetime | None = None) -> Log | None:
        found = self._rows.filter(pk=key)
        if moment is not None:
            found = found.filter(timestamp=moment)
        return next(iter(fetch(defer_large_extra(found, MAX_SHOWN_BYTES))), None)

    def neighbours(self, event: Log, plan: QueryPlan) -> Adjacent:
        return neighbours(self, event, plan)

    def same_request(self, event: Log) -> Sequence[Position]:
        return of_same_request(event, self._events)

    def at(self, *groups: Sequence[Position]) -> Sequence[Sequence[Log]]:
        return lines(self._events, *groups)

    def chunks(self, plan: QueryPlan = ALL_EVENTS) -> Chunks:
        return chunks(self._events, plan)

    def in_full(self, events: Sequence[Log]) -> Chunks:
        return with_full_extra(deque(events))

    def follow(self, text: str) -> EventFollower:
        return Follower(text)

    def overview(
        self, start: datetime, end: datetime, plan: QueryPlan | None = None
    ) -> PeriodCounts:
        if plan is None:
            return PeriodCounts(start, end)
        return count_matching(NewestPeriodCounts, self._events, plan, start, end)


def neighbours(reader: Reader, event: Log, plan: QueryPlan) -> Adjacent:
    """Return the next newer and the next older event in a search."""
    cursor = Cursor(event.timestamp, event.pk)
    newer, older = reader.page(plan, 1, newer=cursor), reader.page(plan, 1, older=cursor)
    return Adjacent(*(next(iter(some.events), None) for some in (newer, older)))


def reader() -> Reader:
    """Return the reader of the configured backend; of the database if it has none."""
    make = getattr(get_backend(), "reader", None)
    found: Reader = DatabaseReader() if make is None else make()
    return found
