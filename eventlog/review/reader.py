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
from ..models import Log
from .answers import ActionCounts, Changed
from .database import RELATED, DatabaseReader
from .export.formats import Chunks
from .figures import Users
from .histogram import Histogram
from .pagination import SCAN_LIMIT, Cursor, Page
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
    """A store of events that can be searched.

    Events are ``Log`` objects. A condition that the store cannot apply raises ``InvalidSearch``.
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
        """Return the search in ``text``, with its errors, hints and plan."""

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
        """Return the newest events of a plan, or those next to a cursor."""

    def count(self, plan: QueryPlan, limit: int) -> int | None:
        """Count events; ``limit`` + 1 if there are more, None if the store cannot count them."""

    def estimate(self) -> int:
        """Return the approximate number of all events."""

    def timeline(
        self, plan: QueryPlan, start: datetime, end: datetime, *, is_whole: bool = False
    ) -> Histogram:
        """Count the events over time. ``is_whole``: the plan has no condition but its period."""

    def actions(self, start: datetime, end: datetime) -> ActionCounts:
        """Count the events of each action in a period."""

    def event(self, key: Any, moment: datetime | None = None) -> Log | None:
        """Return an event by its primary key; its time, if known, makes it quicker to find."""

    def neighbours(self, event: Log, plan: QueryPlan) -> Adjacent:
        """Return the next newer and the next older event in a search."""

    def same_request(self, event: Log) -> Sequence[Position]:
        """Return the events of the same request, this one included, the oldest first."""

    def walk(self, event: Log, plan: QueryPlan, *, backwards: bool) -> Sequence[Position]:
        """Return the nearest events of a plan before an event, or after it if ``backwards``.

        An index serves the plan. There are at most ``MAX_WALKED_EVENTS`` events.
        """

    def at(self, *groups: Sequence[Position]) -> Sequence[Sequence[Log]]:
        """Return the events at these positions."""

    def changes_of(self, event: Log, field: str, limit: int) -> Sequence[Changed]:
        """Return the newest events of the event's object, each with the change of a field."""

    def chunks(self, plan: QueryPlan = ALL_EVENTS) -> Chunks:
        """Yield all events, newest first, in chunks that are bounded in rows and bytes."""

    def in_full(self, events: Sequence[Log]) -> Chunks:
        """Yield events of a page with all of ``extra``, in chunks that are bounded in bytes."""

    def follow(self, text: str) -> EventFollower:
        """Return a follower of the events that a search finds."""

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

    def users(self, counts: PeriodCounts) -> Users:
        """Count the users of a period."""

    def oldest(self) -> datetime | None:
        """Return the time of the oldest of all events; None if there is none."""


def reader(events: QuerySet[Log] | None = None, related: Sequence[str] = RELATED) -> Reader:
    """Return the reader of the configured backend; of the database if it has none.

    ``events`` may leave events out; raise ``RestrictionNotAppliedError`` if the store cannot do so.
    ``related`` names the relations that a database loads with the events.
    """
    make = getattr(get_backend(), "reader", None)
    if make is None:
        return DatabaseReader(events, related)
    try:
        found: Reader = make(events)
    except InvalidSearch as error:
        raise RestrictionNotAppliedError(str(error)) from error
    return found
