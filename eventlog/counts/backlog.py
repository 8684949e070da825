"""The backlog: hours with events that are not counted yet, or whose counts are stale."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import NamedTuple

from django.db import router
from django.db.models import Min, Q
from django.utils import timezone

from ..datetimes import DAY, EARLIEST, HOUR, hour_of, to_db_timezone
from ..models import Log, LogQuerySet
from ..models.hourly import COUNT_DELAY, CountedHour, HourCount
from .counting import COUNTS_VERSION

MAX_EMPTY_SPAN = 7 * DAY  # whose hours are marked as counted one by one
PROBED_EVENTS = 100  # events that one query reads to find hours with events

Span = tuple[datetime, datetime]


class Backlog(NamedTuple):
    """Hours to count, and spans without events to mark as counted."""

    hours: list[datetime]  # newest first
    empty: list[Span]


def find_backlog(start: datetime | None = None, using: str | None = None) -> Backlog:
    """Find the hours since ``start`` that are over for COUNT_DELAY and have to be counted.

    The work grows with the events and the counted hours, not with the length of the calendar.
    """
    using = using or router.db_for_write(Log)
    events = Log.objects.using(using)
    start, end = hour_of(start) if start else EARLIEST, hour_of(timezone.now() - COUNT_DELAY)
    known = CountedHour.objects.using(using).filter(
        hour__gte=to_db_timezone(start), hour__lt=to_db_timezone(end)
    )
    hours = [hour_of(hour) for hour in known.filter(stale=True).values_list("hour", flat=True)]
    hours += set(_counted_by_earlier_release(start, end, using)).difference(hours)
    first = events.aggregate(first=Min("timestamp"))["first"]
    start = max(start, hour_of(first)) if first else end
    fresh = known.filter(stale=False, hour__gte=to_db_timezone(start))
    if start >= end or fresh.count() == (end - start) // HOUR:
        return Backlog(sorted(hours, reverse=True), [])
    empty: list[Span] = []
    counted = {*hours, *map(hour_of, fresh.values_list("hour", flat=True))}
    for gap in _gaps(start, end, counted):
        found = _with_events(events, *gap)
        hours += found
        empty += [span for span in _gaps(*gap, found) if span[1] - span[0] <= MAX_EMPTY_SPAN]
    return Backlog(sorted(hours, reverse=True), empty)


def _counted_by_earlier_release(start: datetime, end: datetime, using: str) -> Iterator[datetime]:
    """Yield counted hours that lack the dimensions of this release."""
    stored = HourCount.objects.using(using).filter(dimension="all")
    # Two ranges, which an index serves, because it cannot serve "is not".
    others = Q(value__lt=COUNTS_VERSION) | Q(value__gt=COUNTS_VERSION)
    within = stored.filter(others, hour__gte=to_db_timezone(start), hour__lt=to_db_timezone(end))
    yield from map(hour_of, within.values_list("hour", flat=True))


def _gaps(start: datetime, end: datetime, hours: Collection[datetime]) -> Iterator[Span]:
    """Yield the spans between ``start`` and ``end`` without any of ``hours``."""
    # Without time zones, the repeated hour in autumn is stored as the same hour.
    repeated = {
        hour + HOUR for hour in hours if to_db_timezone(hour + HOUR) == to_db_timezone(hour)
    }
    for hour in sorted({*hours, *repeated, end}):
        if start < hour <= end:
            yield start, hour
        start = max(start, hour + HOUR)


def _with_events(events: LogQuerySet, start: datetime, end: datetime) -> list[datetime]:
    """Return the hours of a span with events; on a busy day, also hours that may have some."""
    found: set[datetime] = set()
    current = start
    while current < end:
        some = events.between(to_db_timezone(current), to_db_timezone(end)).order_by("timestamp")
        moments = list(some.values_list("timestamp", flat=True)[:PROBED_EVENTS])
        found.update(map(hour_of, moments))
        if len(moments) < PROBED_EVENTS:
            break
        following = max(current, hour_of(moments[-1])) + HOUR
        while following < current + DAY:
            found.add(following)
            following += HOUR
        current = following
    return [hour for hour in found if start <= hour < end]
