"""Events newest first, a page at a time, for the same price on each page and at any size.

A page begins where another ended, not after a number of rows that would have to be counted. What
no index finds is looked for among the newest events that the index gives, so many at a time: the
page then says how far back it has looked.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connections, router
from django.db.models import Q, QuerySet, Subquery
from django.utils.dateparse import parse_datetime

from ..models import Log

LOOK = 5000  # events that are looked at one by one for a page; ten times as many when told to
LOOK_FURTHER = 10
AT_FIRST = 1000


class Mark(NamedTuple):
    """A place between events."""

    timestamp: datetime
    pk: int

    def __str__(self) -> str:
        return f"{self.timestamp.isoformat()}~{self.pk}"

    @classmethod
    def read(cls, text: str) -> "Mark | None":
        """None for what is no mark."""
        moment, _, pk = text.replace(" ", "+").partition("~")
        try:
            timestamp = parse_datetime(moment)
            return None if timestamp is None else cls(timestamp, int(pk))
        except (ValueError, OverflowError):
            return None


class Page(NamedTuple):
    events: Sequence[Log]
    newer: Mark | None  # where the page of newer events ends, if there are any
    older: Mark | None
    looked_back_to: Mark | None  # if there may be more beyond it


def page(
    leading: QuerySet[Log],
    residual: Q,
    size: int,
    *,
    branches: Sequence[Q] = (),
    older: Mark | None = None,
    newer: Mark | None = None,
    look: int = LOOK,
) -> Page:
    """The newest of the events, or those next to a mark.

    ``branches`` are the conditions, each with an index of its own, that ``leading`` is any of.
    """
    backwards = newer is not None
    events = leading.order_by("timestamp", "pk") if backwards else leading.order_by(*ORDER)
    if (mark := newer or older) is not None:
        events = events.filter(beyond(mark, newer=backwards))
    if residual:
        found, end = _look(events, branches, residual, size, look, backwards=backwards)
    else:
        some = _nearest(events, branches, size, backwards=backwards)
        found, end = list(some[: size + 1]), None
    more = len(found) > size
    shown = found[:size]
    if backwards:
        shown.reverse()
    further = None if more else end
    first, final = (_mark(shown[0]), _mark(shown[-1])) if shown else (mark, mark)
    if backwards:
        return Page(shown, first if more or further else None, final, None)
    return Page(shown, first if older else None, final if more else None, further)


def _look(
    events: QuerySet[Log],
    branches: Sequence[Q],
    residual: Q,
    size: int,
    look: int,
    *,
    backwards: bool,
) -> tuple[list[Log], Mark | None]:
    """The first of ``events`` that are wanted, and where the look ended if it did not find enough.

    Most often a few events are enough. To look at few first also spares the database the guess
    how many of a great number will do, for which it has no statistics.
    """
    found: list[Log] = []
    for reach in (min(look, AT_FIRST), look):
        some = _nearest(events, branches, reach, backwards=backwards)
        end = next(iter(_times(some, reach, backwards=backwards)), None)
        if end is None:
            return list(events.filter(residual)[: size + 1]), None
        # All that bears the last moment is looked at.
        within = _until(end, backwards=backwards)
        found = list(events.filter(within).filter(residual)[: size + 1])
        if len(found) > size:
            break
    assert end is not None
    return found, Mark(end, LAST if backwards else 0)


def _nearest(
    events: QuerySet[Log], branches: Sequence[Q], count: int, *, backwards: bool
) -> QuerySet[Log]:
    """``events``, but only those up to where a single branch has had ``count`` and one more.

    Asked for any of several values in the order of time, some databases gather and sort all that
    have one of them. So are left at most so many of each.
    """
    if len(branches) < 2:
        return events
    ends = [
        Subquery(_times(events.filter(branch), count, backwards=backwards)) for branch in branches
    ]
    one_row = Log.objects.using(events.db).order_by()[:1]
    reached = [end for row in one_row.values_list(*ends) for end in row if end is not None]
    if not reached:
        return events
    end = min(reached) if backwards else max(reached)
    return events.filter(_until(end, backwards=backwards))


def _times(events: QuerySet[Log], place: int, *, backwards: bool) -> QuerySet[Log, datetime]:
    """The moment of the event at this place, if there are so many; by time alone, as the index."""
    ordered = events.order_by("timestamp" if backwards else "-timestamp")
    return ordered.values_list("timestamp", flat=True)[place : place + 1]


def _until(end: datetime, *, backwards: bool) -> Q:
    return Q(timestamp__lte=end) if backwards else Q(timestamp__gte=end)


LAST = 2**63 - 1  # no key is greater
ORDER = ("-timestamp", "-pk")


def _mark(event: Log) -> Mark:
    return Mark(event.timestamp, event.pk)


def beyond(mark: Mark, *, newer: bool) -> Q:
    """What lies on one side of a mark."""
    # Not a plain OR, with which databases read everything before the mark.
    side, pk = ("gte", "gt") if newer else ("lte", "lt")
    nearly = Q(**{f"timestamp__{side}": mark.timestamp})
    strictly = Q(**{f"timestamp__{side[:2]}": mark.timestamp})
    return nearly & (strictly | Q(**{f"pk__{pk}": mark.pk}))


def about_how_many() -> int:
    """How many events there are, as the database estimates it without counting."""
    connection = connections[router.db_for_read(Log)]
    table = Log._meta.db_table
    question = {
        "postgresql": "SELECT reltuples FROM pg_class WHERE oid = %s::regclass",
        "mysql": "SELECT table_rows FROM information_schema.tables "
        "WHERE table_schema = DATABASE() AND table_name = %s",
        "sqlite": "SELECT (SELECT MAX(id) FROM eventlog_log) "
        "- (SELECT MIN(id) FROM eventlog_log) + 1 WHERE %s <> ''",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(question, [table])
        (estimate,) = cursor.fetchone()
    return max(0, int(estimate or 0))
