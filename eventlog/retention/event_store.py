"""Changing of stored events, in the database or in the store of another backend."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Protocol

from django.db import router
from django.db.models import Q

from ..backends import get_backend
from ..models import Log, LogQuerySet
from ..partitions.pruning import drop_months, months_before
from ..people import DatabaseEventQueries, EventQueries, Match, erase
from ..review.export.formats import Chunks, chunks
from ..review.search.plan import ALL_EVENTS, QueryPlan
from .batches import deletion_batches
from .compiled import CompiledPolicy
from .run import DatabaseRetentionRun


class RetentionRun(Protocol):
    """A run of the retention rules, which counts the events by the number of their rule."""

    deleted: Counter[int]
    anonymized: Counter[int]
    held: Counter[int]
    unclear: int
    progress: float

    def apply(self, size: int, before_change: Callable[[], None]) -> Iterator[bool]:
        """Change the events; yield after each step whether some were changed."""

    def count(self) -> Iterator[bool]:
        """Count what ``apply()`` would change."""


class EventStore(EventQueries, Protocol):
    """A store of events that can be changed."""

    def looking_up_names(self) -> AbstractContextManager[None]:
        """Return a context in which the names in searches are looked up in this store."""

    def count(self, condition: Q) -> int:
        """Count the events that meet a condition."""

    def chunks(self, condition: Q) -> Chunks:
        """Yield the events that meet a condition, newest first."""

    def erase(
        self, matches: Sequence[Match], condition: Q, read: Chunks, *, delete: bool
    ) -> Iterator[int]:
        """Erase persons from the events of a condition, which ``read`` yields; yield numbers."""

    def delete(
        self, old: Q, plan: QueryPlan, size: int, before_change: Callable[[], None]
    ) -> Iterator[int]:
        """Delete the events of a plan that are ``old``; yield the number of each batch.

        ``before_change`` is called before each batch.
        """

    def has_months(self, before: datetime) -> bool:
        """Return whether a month is stored separately, of which all events are older."""

    def drop_months(self, before: datetime, *, only_empty: bool = False) -> Iterator[int]:
        """Drop these months; yield the number of events of each."""

    def retention_run(
        self, compiled: CompiledPolicy, now: datetime, *, recheck: bool
    ) -> RetentionRun:
        """Return a run of the rules."""


class DatabaseEventStore(DatabaseEventQueries):
    """The events in the database."""

    def __init__(self) -> None:
        self._using = router.db_for_write(Log)

    @property
    def _events(self) -> LogQuerySet:
        return Log.objects.using(self._using)

    def looking_up_names(self) -> AbstractContextManager[None]:
        return nullcontext()

    def count(self, condition: Q) -> int:
        return self._events.filter(condition).count()

    def chunks(self, condition: Q) -> Chunks:
        return chunks(self._events.filter(condition), ALL_EVENTS)

    def erase(
        self, matches: Sequence[Match], condition: Q, read: Chunks, *, delete: bool
    ) -> Iterator[int]:
        for some in read:
            yield erase(matches, some, delete=delete)

    def delete(
        self, old: Q, plan: QueryPlan, size: int, before_change: Callable[[], None]
    ) -> Iterator[int]:
        for batch in deletion_batches(self._events.filter(old).filter(plan.period), plan, size):
            before_change()
            near = self._events.around(timestamp for _, timestamp in batch)
            near.filter(pk__in=[pk for pk, _ in batch])._raw_delete(self._using)
            yield len(batch)

    def has_months(self, before: datetime) -> bool:
        return bool(months_before(before, self._using))

    def drop_months(self, before: datetime, *, only_empty: bool = False) -> Iterator[int]:
        for dropped in drop_months(before, self._using, only_empty=only_empty):
            yield dropped.events

    def retention_run(
        self, compiled: CompiledPolicy, now: datetime, *, recheck: bool
    ) -> DatabaseRetentionRun:
        return DatabaseRetentionRun(compiled, self._using, now, recheck=recheck)


def event_store() -> EventStore:
    """Return the store of the configured backend; the database if it has none."""
    make = getattr(get_backend(), "store", None)
    found: EventStore = DatabaseEventStore() if make is None else make()
    return found
