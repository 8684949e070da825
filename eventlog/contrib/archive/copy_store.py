"""The interface of a store of events that can be copied."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from .event import CopiedEvent


class StoreError(Exception):
    """A store cannot be read or written; the message says what to do."""


class CopyStore(Protocol):
    """A place that has events. Times are aware, and hours begin at full hours in UTC."""

    name: str  # in messages

    def hours(self, start: datetime, end: datetime) -> dict[datetime, int]:
        """Return the number of events of each hour that has any, in order."""

    def read(self, start: datetime, end: datetime) -> Iterator[CopiedEvent]:
        """Yield the events from ``start`` on and before ``end`` in the order of time.

        The memory does not depend on their number.
        """


class WritableCopyStore(CopyStore, Protocol):
    """A store that can be written.

    ``notes`` are what the store cannot keep, with the number of events.
    """

    def adapted(self, events: Iterable[CopiedEvent], notes: Counter[str]) -> Iterator[CopiedEvent]:
        """Yield the events as the store can keep them."""

    def add(self, events: Sequence[CopiedEvent], notes: Counter[str]) -> int:
        """Write the events of a batch that the store lacks, and return their number.

        The events of a batch are in the order of time.
        """

    def commit(self) -> None:
        """Make the events that were added visible, at the end of a month."""

    def close(self) -> None:
        """Discard what is not committed, and release locks."""


def missing(store: CopyStore, events: Sequence[CopiedEvent]) -> list[CopiedEvent]:
    """Return the events of a batch that a store lacks, by their uids."""
    if not events:
        return []
    start, end = span_of(events)
    known = {event.uid for event in store.read(start, end)}
    return [event for event in events if event.uid not in known]


def span_of(events: Sequence[CopiedEvent]) -> tuple[datetime, datetime]:
    """Return the time from the first event of a batch until just after the last one."""
    return events[0].moment, events[-1]._replace(micros=events[-1].micros + 1).moment
