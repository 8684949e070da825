"""Copying of events from one store to another, hour by hour, and comparing two stores."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from ...datetimes import HOUR
from ...partitions.months import month_of
from .copy_store import CopyStore, WritableCopyStore, span_of
from .event import Checksum, CopiedEvent, event_batches

Advance = Callable[[int], None]
Hours = Mapping[datetime, int]


class Difference(NamedTuple):
    """An hour of which two stores have other events."""

    hour: datetime
    source: int
    target: int


class CopyResult(NamedTuple):
    """The result of copying the events of a month."""

    added: int = 0
    verified: int = 0  # hours whose contents were compared
    unequal: tuple[Difference, ...] = ()


class Copy:
    """A copy of the events from ``start`` on and before ``end``, which are full hours.

    The number of events decides which hours are read, so that a second run is short. ``recheck``
    reads all hours.
    """

    def __init__(
        self,
        source: CopyStore,
        target: WritableCopyStore,
        start: datetime,
        end: datetime,
        *,
        recheck: bool = False,
    ) -> None:
        self._source, self._target = source, target
        self.start, self.end = start, end
        self._recheck = recheck
        self.hours: Hours = source.hours(start, end)
        self.notes: Counter[str] = Counter()  # what the target cannot keep, and of how many events

    @property
    def total(self) -> int:
        """The number of events in the source."""
        return sum(self.hours.values())

    def months(self) -> Iterator[tuple[datetime, list[datetime]]]:
        """Yield each month that has events, with its hours."""
        for month, hours in groupby(self.hours, month_of):
            yield month, list(hours)

    def pending(self, hours: list[datetime]) -> list[datetime]:
        """Return the hours that have to be read, because the target has another number."""
        held = self._target.hours(hours[0], hours[-1] + HOUR)
        return [hour for hour in hours if self._recheck or held.get(hour) != self.hours[hour]]

    def copy(self, hours: list[datetime], advance: Advance) -> CopyResult:
        """Add the events of these hours of one month that the target lacks, and compare both."""
        added = 0
        checks = {}
        pending = set(self.pending(hours))
        for hour in hours:
            if hour not in pending:
                advance(self.hours[hour])
                continue
            check = Checksum()
            for batch in event_batches(self._read(hour, self.notes)):
                added += self._target.add(batch, self.notes)
                check = check.plus(Checksum.of(batch))
                advance(len(batch))
            checks[hour] = check
        self._target.commit()
        unequal = [found for hour, check in checks.items() if (found := self._unequal(hour, check))]
        return CopyResult(added, len(checks), tuple(unequal))

    def _read(self, hour: datetime, notes: Counter[str]) -> Iterator[CopiedEvent]:
        return self._target.adapted(self._source.read(hour, hour + HOUR), notes)

    def _unequal(self, hour: datetime, check: Checksum) -> Difference | None:
        """Return the difference if the target lacks the events with this check."""
        found = Checksum.of(self._target.read(hour, hour + HOUR))
        if found == check:
            return None
        # The target may have further events, which are not in the source any more.
        if found.number > check.number:
            again = event_batches(self._read(hour, Counter()))
            if all(self._has(batch) for batch in again):
                return None
        return Difference(hour, check.number, found.number)

    def _has(self, events: list[CopiedEvent]) -> bool:
        wanted = {event.digest() for event in events}
        start, end = span_of(events)
        return wanted <= {event.digest() for event in self._target.read(start, end)}

    def differences(self, advance: Advance) -> Iterator[Difference]:
        """Yield the hours of which the stores have other events, or other values."""
        held = self._target.hours(self.start, self.end)
        for hour in sorted({*self.hours, *held}):
            counts = self.hours.get(hour, 0), held.get(hour, 0)
            if counts[0] and counts[1]:
                source = Checksum.of(self._read(hour, Counter()))
                target = Checksum.of(self._target.read(hour, hour + HOUR))
                counts = source.number, target.number
                if source != target:
                    yield Difference(hour, *counts)
            else:
                yield Difference(hour, *counts)
            advance(self.hours.get(hour, 0))
