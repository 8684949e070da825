"""Reading no further than to the events that are wanted."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from django.db import connections
from django.db.models import Q, QuerySet, Subquery
from django.db.models.lookups import In

from ..models import Log
from ..moments import DAY
from .expressions import Day, starts

FURTHER = 16  # times as many days, where there was nothing
MOST_DAYS = 256  # at once
MANY = 2000  # events, which are not gathered to find the newest of them


class Lead(NamedTuple):
    """How an index finds the events that are wanted."""

    wanted: Q
    # What comes to the same: by an index for each, newest first.
    branches: Sequence[Q] = ()
    by_day: bool = False  # or by an index that begins with the day


class Wanted(NamedTuple):
    """Which events are wanted, by how they are found."""

    period: Q = Q()
    lead: Lead | None = None
    residual: Q = Q()  # what has to be looked for among those that ``lead`` finds

    @property
    def condition(self) -> Q:
        return self.period & (self.lead.wanted if self.lead else Q()) & self.residual


def nearest(
    events: QuerySet[Log], lead: Lead | None, count: int, *, backwards: bool = False
) -> QuerySet[Log]:
    """The events that ``lead`` finds, but only those up to where there are ``count`` and one more.

    In the order of ``events``: by time and key from the newest or, ``backwards``, from the oldest.
    """
    if lead is None:
        return events
    if lead.by_day:
        keys = _day_by_day(events, lead.wanted, count + 1, backwards=backwards)
        return events.filter(pk__in=keys)
    found = events.filter(lead.wanted)
    if len(lead.branches) < 2:
        return found
    # Asked for any of several values in the order of time, some databases gather and sort all
    # that have one of them. So are left at most so many of each.
    ends = [
        Subquery(times(events.filter(branch), backwards=backwards)[count : count + 1])
        for branch in lead.branches
    ]
    one_row = Log.objects.using(events.db).order_by()[:1]
    reached = [end for row in one_row.values_list(*ends) for end in row if end is not None]
    if not reached:
        return found
    return found.filter(until(min(reached) if backwards else max(reached), backwards=backwards))


def count_up_to(most: int, events: QuerySet[Log], lead: Lead | None) -> int:
    """How many there are; a greater number than ``most``, if there are more than that."""
    if lead is not None and lead.by_day:
        return len(_day_by_day(events, lead.wanted, most + 1, backwards=False))
    return nearest(events, lead, most).order_by()[: most + 1].count()


def times(events: QuerySet[Log], *, backwards: bool) -> QuerySet[Log, datetime]:
    """Their moments in order; by time alone, as the indexes have them."""
    return events.order_by("timestamp" if backwards else "-timestamp").values_list(
        "timestamp", flat=True
    )


def until(end: datetime, *, backwards: bool) -> Q:
    return Q(timestamp__lte=end) if backwards else Q(timestamp__gte=end)


def _day_by_day(events: QuerySet[Log], wanted: Q, most: int, *, backwards: bool) -> list[int]:
    """The keys of the first so many, and of all others of the last one's moment.

    Look at a day, then at as many as it takes at that rate.
    """
    day = _first_day(events, backwards=backwards)
    final = _first_day(events, backwards=not backwards)
    looked, length, many = 0, 1, max(MANY, most)
    found: list[tuple[datetime, int]] = []
    while day and final and (day <= final if backwards else day >= final):
        days = _days(day, min(length, MOST_DAYS), backwards=backwards)
        within = events.filter(wanted, In(Day(), days))
        # Asked for the newest of these, a database may well go through all events by time.
        some = list(within.order_by().values_list("timestamp", "pk")[: many + 1])
        if len(some) > many and length > 1:
            length = max(1, length // FURTHER)
            continue
        if len(some) > many:
            end = times(within, backwards=backwards)[most - 1]
            within = within.filter(until(end, backwards=backwards))
            some = list(within.order_by().values_list("timestamp", "pk"))
        found += sorted(some, reverse=not backwards)
        looked += len(days)
        if (missing := most - len(found)) <= 0:
            break
        length = 1 + missing * looked // len(found) if some else length * FURTHER
        day = _day_past(days[-1], events.db, backwards=backwards)
    if len(found) > most:
        end = found[most - 1][0]
        found = [each for each in found if (each[0] <= end if backwards else each[0] >= end)]
    return [pk for _moment, pk in found]


def _first_day(events: QuerySet[Log], *, backwards: bool) -> date | None:
    return times(events, backwards=backwards).values_list(Day(), flat=True).first()


def _day_past(day: date, using: str, *, backwards: bool) -> date | None:
    """The next one that has events."""
    try:
        start = starts(day + DAY if backwards else day, connections[using])
    except OverflowError:  # the calendar ends
        return None
    past = Q(timestamp__gte=start) if backwards else Q(timestamp__lt=start)
    return _first_day(Log.objects.using(using).filter(past), backwards=backwards)


def _days(first: date, count: int, *, backwards: bool) -> list[date]:
    """That many days from the first on, as far as there are days."""
    number, step = first.toordinal(), 1 if backwards else -1
    numbers = range(number, number + step * count, step)
    return [date.fromordinal(n) for n in numbers if 0 < n <= date.max.toordinal()]
