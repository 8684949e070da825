"""Reading of events, from the database or from the store of another backend.

Pages, commands and ``eventlog.reader()`` in Python use this interface. A search is parsed by the
reader, because names in it are looked up in the store.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

from django.db.models import QuerySet

from ..backends import get_backend
from ..counts.period import PeriodCounts
from ..counts.users import UserCounts
from ..models import Log
from .database_reader import RELATED, DatabaseReader
from .export.formats import Chunks
from .histogram import Histogram
from .pagination import SCAN_LIMIT, Cursor, Page
from .reader_results import ActionCounts, EventWithChange
from .related import Adjacent, Position
from .restriction import RestrictionNotAppliedError
from .search.condition import Condition
from .search.plan import ALL_EVENTS, QueryPlan
from .search.query import InvalidSearch, Search
from .search.tree import Term


class EventFollower(Protocol):
    """Finds the events that were stored since it was created or last asked."""

    def skip(self, keys: Collection[int]) -> None:
        """Do not find the events with these keys."""

    def new(self) -> Iterator[Sequence[Log]]:
        """Yield the new events in chunks, each oldest first."""


class Reader(Protocol):
    """A store of events that can be searched: the database, or ClickHouse.

    Events are ``Log`` objects. A *plan* is the attribute ``plan`` of a parsed search. If
    the store cannot apply a condition, the methods raise ``InvalidSearch``.
    """

    @property
    def has_rows(self) -> bool:
        """True if events are rows of the database, which querysets can change."""

    @property
    def is_restricted(self) -> bool:
        """True if the reader leaves events out."""

    @property
    def finds_names(self) -> bool:
        """True if a search by the name of a user finds the events of deleted accounts too."""

    def parse(self, text: str) -> Search:
        """Return the search in ``text``, with its ``errors``, ``hints`` and ``plan``.

        The plan of a search with errors finds nothing.
        """

    def find(self, term: Term) -> Condition:
        """Return the condition of a term. Raise ``InvalidTermError`` if it is not valid."""

    def page(
        self,
        plan: QueryPlan = ALL_EVENTS,
        size: int = 100,
        *,
        older: Cursor | None = None,
        newer: Cursor | None = None,
        scan_limit: int = SCAN_LIMIT,
    ) -> Page:
        """Return a page of at most ``size`` events, newest first; by default, of all events.

        ``page.events`` are the events. ``page.older`` and ``page.newer`` are the cursors of the
        next pages, None if there is none. Give one of them as ``older`` or ``newer``. If a
        condition has no index, at most ``scan_limit`` events are checked. ``page.scanned_until`` is
        the cursor at which the check stopped, None if it did not reach the limit.
        """

    def count(self, plan: QueryPlan, limit: int) -> int | None:
        """Return the number of events, or ``limit`` + 1 if there are more.

        Return None if the store would have to check the conditions event by event.
        """

    def estimate(self) -> int:
        """Return the approximate number of all events."""

    def timeline(
        self, plan: QueryPlan, start: datetime, end: datetime, *, is_whole: bool = False
    ) -> Histogram:
        """Count the events over time; the result has ``spans`` with ``start``, ``end``, ``events``.

        Set ``is_whole`` if the plan has no condition except its period, so that the counts of the
        overview can be used. ``counted_from`` is set if older events were not counted.
        """

    def actions(self, start: datetime, end: datetime) -> ActionCounts:
        """Return the number of events of each action in a period, in ``counts``."""

    def event(self, key: Any, moment: datetime | None = None) -> Log | None:
        """Return an event by its primary key, or None.

        ``moment`` is the time of the event. On a table in partitions, it makes the query faster.
        """

    def neighbours(self, event: Log, plan: QueryPlan) -> Adjacent:
        """Return the next ``newer`` and the next ``older`` event in a search, or None for each."""

    def same_request(self, event: Log) -> Sequence[Position]:
        """Return the events of the same request, this one included, the oldest first."""

    def nearest_positions(
        self, event: Log, plan: QueryPlan, *, backwards: bool
    ) -> Sequence[Position]:
        """Return the nearest events of a plan before an event, or after it if ``backwards``.

        An index serves the plan. There are at most ``MAX_WALKED_EVENTS`` events.
        """

    def events_at(self, *groups: Sequence[Position]) -> Sequence[Sequence[Log]]:
        """Return the events at these positions."""

    def changes_of(self, event: Log, field: str, limit: int) -> Sequence[EventWithChange]:
        """Return the newest events of the event's object, each with the change of a field."""

    def chunks(self, plan: QueryPlan = ALL_EVENTS) -> Chunks:
        """Yield all events of a plan, newest first, in lists that fit in memory."""

    def with_full_extra(self, events: Sequence[Log]) -> Chunks:
        """Yield events of a page with all of ``extra``, in chunks that are bounded in bytes."""

    def follow(self, text: str) -> EventFollower:
        """Return a follower of the events that the search in ``text`` finds.

        Each call of its method ``new()`` yields the events that were stored since the last call.
        """

    def overview(
        self,
        start: datetime,
        end: datetime,
        plan: QueryPlan | None = None,
        *,
        compared_from: datetime | None = None,
    ) -> PeriodCounts:
        """Return the counts of a period, of all events or of those that a plan finds.

        ``compared_from`` is the start of the period that it will be compared with.
        """

    def overview_before(
        self, counts: PeriodCounts, start: datetime, end: datetime, plan: QueryPlan | None = None
    ) -> PeriodCounts:
        """Return the counts of the period that ``counts`` are compared with."""

    def users(self, counts: PeriodCounts) -> UserCounts:
        """Count the users of a period, which consists of whole hours."""

    def users_since(self, start: datetime) -> UserCounts:
        """Count the users with an event from ``start`` on."""

    def oldest(self) -> datetime | None:
        """Return the time of the oldest of all events; None if there is none."""


def reader(events: QuerySet[Log] | None = None, related: Sequence[str] = RELATED) -> Reader:
    """Return a reader of the store in which the site keeps its events.

    ``Log.objects`` reads the database only. A reader also reads ClickHouse::

        reader = eventlog.reader()
        plan = reader.parse("user:anna status:5xx last:7d").plan
        for event in reader.page(plan, size=50).events:
            print(event.timestamp, event.action)

    ``events`` is a queryset of ``Log`` whose conditions apply to everything that is read. If the
    store cannot apply them, raise ``RestrictionNotAppliedError``. ``related`` names the relations
    that the database loads with the events.
    """
    make = getattr(get_backend(), "reader", None)
    if make is None:
        return DatabaseReader(events, related)
    try:
        found: Reader = make(events)
    except InvalidSearch as error:
        raise RestrictionNotAppliedError(str(error)) from error
    return found
