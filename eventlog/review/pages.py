"""Events newest first, a page at a time, for the same price on each page and at any size.

A page begins where another ended, not after a number of rows that would have to be counted. What
no index finds is looked for among the newest events that the index gives, so many at a time: the
page then says how far back it has looked.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connections, router
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime

from ..models import Log
from ..moments import as_stored, within_reach
from .nearest import Wanted, nearest, times, until

LOOK = 5000  # events that are looked at one by one for a page; ten times as many when told to
LOOK_FURTHER = 10
STRIDE = 1000  # so many at a time


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
            return None if timestamp is None else cls(as_stored(within_reach(timestamp)), int(pk))
        except (ValueError, OverflowError):
            return None


class Page(NamedTuple):
    events: Sequence[Log]
    newer: Mark | None  # where the page of newer events ends, if there are any
    older: Mark | None
    looked_back_to: Mark | None  # if there may be more beyond it


def page(
    events: QuerySet[Log],
    wanted: Wanted,
    size: int,
    *,
    older: Mark | None = None,
    newer: Mark | None = None,
    look: int = LOOK,
) -> Page:
    """The newest of the events that are wanted, or those next to a mark."""
    backwards = newer is not None
    mark = newer or older
    events = events.order_by("timestamp", "pk") if backwards else events.order_by(*ORDER)
    if wanted.residual:
        found, end = _look(events, wanted, size, mark, look, backwards=backwards)
    else:
        rest = events.filter(beyond(mark, backwards=backwards), wanted.period)
        some = nearest(rest, wanted.lead, size, backwards=backwards)
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
    wanted: Wanted,
    size: int,
    mark: Mark | None,
    look: int,
    *,
    backwards: bool,
) -> tuple[list[Log], Mark | None]:
    """The first of ``events`` that are wanted, and where the look ended if it did not find enough.

    So many at a time, as most often a few are enough; and the database is spared the guess how many
    of a great number will do, for which it has no statistics.
    """
    found: list[Log] = []
    bound = beyond(mark, backwards=backwards)
    while look > 0 and len(found) <= size:
        reach = min(STRIDE, look)
        # The bound comes first: of two on one side, SQLite lets its index begin at the first.
        some = nearest(events.filter(bound, wanted.period), wanted.lead, reach, backwards=backwards)
        end = next(iter(times(some, backwards=backwards)[reach : reach + 1]), None)
        if end is not None:  # all that bears this moment is looked at
            some = some.filter(until(end, backwards=backwards))
        found += some.filter(wanted.residual)[: size + 1 - len(found)]
        if end is None:
            return found, None
        bound = Q(timestamp__gt=end) if backwards else Q(timestamp__lt=end)
        mark = Mark(end, LAST if backwards else 0)
        look -= reach
    return found, mark


LAST = 2**63 - 1  # no key is greater
ORDER = ("-timestamp", "-pk")


def _mark(event: Log) -> Mark:
    return Mark(event.timestamp, event.pk)


def beyond(mark: Mark | None, *, backwards: bool) -> Q:
    """What is older than the mark, or newer."""
    if mark is None:
        return Q()
    # Not a plain OR, with which databases read everything before the mark.
    side, pk = ("gte", "gt") if backwards else ("lte", "lt")
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
