"""The hours whose events are to be checked by the retention rules.

An hour is checked when its events reach one of the ages in the rules, and then not again until the
next age, so a run does not read events for which nothing is to be done. ``CountedHour.retention``
says which rules and ages were applied. A write to an old hour empties it (``mark_stale()``), so
events that arrive late are found.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from ..datetimes import HOUR, hour_of, to_db_timezone
from ..models import Log
from ..models.hourly import COUNT_DELAY, CountedHour

MAX_HOURS = 168  # of a span
UNFINISHED = "~"  # begins the state of an hour whose check was begun


class HourSpan(NamedTuple):
    """Consecutive hours whose events have reached the same age of the rules."""

    hours: Sequence[datetime]  # in UTC
    age: timedelta
    state: str
    """The value of ``CountedHour.retention`` when the span has been checked."""

    @property
    def start(self) -> datetime:
        """The start of the first hour, as the column of the events stores it."""
        return to_db_timezone(self.hours[0])

    @property
    def end(self) -> datetime:
        """The end of the last hour, as the column of the events stores it."""
        return to_db_timezone(self.hours[-1]) + HOUR

    def begin(self, using: str) -> None:
        """Store that the check has begun, so that a later write to an hour is noticed."""
        known = CountedHour.objects.using(using)
        stored = [*dict.fromkeys(map(to_db_timezone, self.hours))]
        known.bulk_create([CountedHour(hour=hour) for hour in stored], ignore_conflicts=True)
        known.filter(hour__in=stored).update(retention=UNFINISHED + self.state)

    def finish(self, using: str, first: datetime, end: datetime | None = None) -> None:
        """Store that the hours from ``first`` on and before ``end`` have been checked."""
        done = [hour for hour in self.hours if first <= hour and (end is None or hour < end)]
        known = CountedHour.objects.using(using).filter(hour__in=[*map(to_db_timezone, done)])
        # An hour with another state was written to since begin(), so the next run checks it.
        known.filter(retention=UNFINISHED + self.state).update(retention=self.state)


class Schedule:
    """The ages in the rules, and the state of an hour whose events have reached an age."""

    def __init__(self, ages: Sequence[timedelta], fingerprint: str, now: datetime) -> None:
        self._ages = sorted({*ages})
        self._fingerprint = fingerprint
        # An hour whose writers do not mark it as stale yet is not checked.
        self._ends = [hour_of(now - max(age, COUNT_DELAY)) for age in self._ages]

    def end(self) -> datetime | None:
        """Return the end of the youngest hours that are checked; None without ages."""
        return max(self._ends, default=None)

    def stage(self, hour: datetime) -> int:
        """Return the number of ages that all events of the hour have reached."""
        return sum(hour + HOUR <= end for end in self._ends)

    def state(self, stage: int) -> str:
        """Return the state of an hour to which the rules were applied at a stage."""
        return f"{self._fingerprint}.{stage}"

    def span(self, hours: Sequence[datetime], stage: int) -> HourSpan:
        """Return the span of hours at a stage."""
        return HourSpan(hours, self._ages[stage - 1], self.state(stage))


def due_spans(schedule: Schedule, using: str, *, recheck: bool = False) -> Iterator[HourSpan]:
    """Yield the spans to check, oldest first; with ``recheck``, also the hours that are done."""
    events = Log.objects.using(using).order_by("timestamp")
    end, position = schedule.end(), None
    while end is not None:
        later = events if position is None else events.since(to_db_timezone(position))
        first = later.values_list("timestamp", flat=True).first()
        if first is None or (start := hour_of(first)) >= end:
            return
        start = start if position is None else max(start, position)
        number = min(MAX_HOURS, (end - start) // HOUR)
        hours = [start + n * HOUR for n in range(number)]
        yield from _due(hours, schedule, {} if recheck else _states(hours, using))
        position = hours[-1] + HOUR


def _states(hours: Sequence[datetime], using: str) -> dict[datetime, str]:
    known = CountedHour.objects.using(using).filter(
        hour__gte=to_db_timezone(hours[0]), hour__lte=to_db_timezone(hours[-1])
    )
    return dict(known.values_list("hour", "retention"))


def _due(
    hours: Sequence[datetime], schedule: Schedule, states: dict[datetime, str]
) -> Iterator[HourSpan]:
    def due_stage(hour: datetime) -> int:
        stage = schedule.stage(hour)
        stored = to_db_timezone(hour)
        # Without time zones, the repeated hour in autumn is stored as the same hour, so the second
        # one stands for both.
        is_repeated = to_db_timezone(hour + HOUR) == stored
        return 0 if is_repeated or states.get(stored) == schedule.state(stage) else stage

    for stage, some in groupby(hours, due_stage):
        if stage:
            yield schedule.span([*some], stage)
