"""Events related to one event: adjacent in a search, of its request, of its session of work.

Each query is served by an index, and reads at most a stated number of events.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet
from django.db.models.lookups import Exact

from ..datetimes import shifted
from ..models import Log
from ..models.expressions import Fact
from ..models.relations import with_relations
from ..text import UNSTORABLE
from .extra_loading import defer_large_extra, fetch
from .pagination import ORDER, Cursor, after_cursor_condition, page
from .search.condition import IndexScan
from .search.plan import QueryPlan, limit_to_first, ordered_timestamps

MAX_EVENTS_AROUND = 5  # before, and as many after
MAX_EVENTS_OF_REQUEST = 50  # that are shown
MAX_COUNTED_EVENTS = 1000  # above this number, the page says "more than"
# A request is looked for among the events of this span before, and among all events after.
MAX_REQUEST_SPAN = timedelta(minutes=10)
MAX_SCANNED_EVENTS = 2500  # before, and as many after
MAX_SESSION_GAP = timedelta(minutes=30)
MAX_WALKED_EVENTS = 500  # before, and as many after


class Adjacent(NamedTuple):
    """The next newer and the next older event in a search."""

    newer: Log | None
    older: Log | None


class Position(NamedTuple):
    """An event's place in time, with its user and address, read without ``extra``."""

    pk: int
    timestamp: datetime
    ip: str | None = None
    user_id: Any = None
    user_repr: str = ""
    user_state: int | None = None


class RelatedSpan(NamedTuple):
    """Related events without a gap: the first and the last time, and their number."""

    start: datetime
    end: datetime
    events: int
    is_cut: bool  # further events may belong to it


def adjacent_in_search(event: Log, events: QuerySet[Log], plan: QueryPlan) -> Adjacent:
    """Return the next newer and the next older event in a search."""
    cursor = Cursor(event.timestamp, event.pk)
    newer = page(events, plan, 1, newer=cursor).events
    older = page(events, plan, 1, older=cursor).events
    return Adjacent(newer[0] if newer else None, older[0] if older else None)


def same_request_positions(event: Log, events: QuerySet[Log]) -> Sequence[Position]:
    """Return the events of the same request, this one included, the oldest first."""
    request_id = event.facts.get("request_id")
    if not isinstance(request_id, str) or UNSTORABLE.search(request_id):
        return []
    start = shifted(event.timestamp, -MAX_REQUEST_SPAN)
    before = events.filter(timestamp__gte=start, timestamp__lte=event.timestamp)
    after = events.filter(timestamp__gte=event.timestamp)
    start = _nth(ordered_timestamps(before, backwards=False)) or start
    end = _nth(ordered_timestamps(after, backwards=True))
    near = events.filter(timestamp__gte=start)
    if end is not None:
        near = near.filter(timestamp__lte=end)
    found = near.filter(Q(Exact(Fact("request_id"), request_id))).order_by(*reversed_order())
    rows = found.values_list("pk", "timestamp")[: MAX_COUNTED_EVENTS + 1]
    return [Position(*row) for row in rows]


def _nth(moments: QuerySet[Log, datetime]) -> datetime | None:
    """Return the time of the first event that is not scanned."""
    return next(iter(moments[MAX_SCANNED_EVENTS : MAX_SCANNED_EVENTS + 1]), None)


def reversed_order() -> Sequence[str]:
    """Return the order of the list, the oldest event first."""
    return [name.removeprefix("-") for name in ORDER]


def nearest_positions(
    event: Log, events: QuerySet[Log], scan: IndexScan, *, backwards: bool
) -> Sequence[Position]:
    """Return the nearest events of an index scan before the event, or after it if ``backwards``."""
    cursor = Cursor(event.timestamp, event.pk)
    rest = events.filter(after_cursor_condition(cursor, backwards=backwards))
    some = limit_to_first(rest, scan, MAX_WALKED_EVENTS, backwards=backwards)
    ordered = some.order_by(*(reversed_order() if backwards else ORDER))
    rows = ordered.values_list(*Position._fields)[:MAX_WALKED_EVENTS]
    return [Position(*row) for row in rows]


def session_of(
    event: Log, before: Sequence[Position], after: Sequence[Position], *, by_name: bool
) -> RelatedSpan:
    """Return the session of work: same user and address, without a gap of thirty minutes.

    If not ``by_name``, the walk has events of an address, of which the user is compared here.
    """

    def belongs(other: Position) -> bool:
        return (by_name or _who(other) == _who(event)) and other.ip == event.ip

    older = _reach(event.timestamp, before, filter(belongs, before))
    newer = _reach(event.timestamp, after, filter(belongs, after))
    count = older.events + 1 + newer.events
    return RelatedSpan(older.start, newer.end, count, older.is_cut or newer.is_cut)


def _who(event: Log | Position) -> tuple[Any, Any]:
    return event.user_id, event.user_repr or event.user_state


def _reach(moment: datetime, walked: Sequence[Position], own: Iterable[Position]) -> RelatedSpan:
    """Return how far the events go on from ``moment`` without a gap."""
    count = 0
    for each in own:
        if abs(each.timestamp - moment) >= MAX_SESSION_GAP:
            return RelatedSpan(moment, moment, count, False)
        moment, count = each.timestamp, count + 1
    # Further events may follow only if the walk has ended at its limit, within the gap.
    is_full = len(walked) == MAX_WALKED_EVENTS
    is_cut = is_full and abs(walked[-1].timestamp - moment) < MAX_SESSION_GAP
    return RelatedSpan(moment, moment, count, is_cut)


def events_at(events: QuerySet[Log], *groups: Sequence[Position]) -> Sequence[Sequence[Log]]:
    """Return the events at these positions, read by one query."""
    wanted = [each for group in groups for each in group]
    if not wanted:
        return [[] for _ in groups]
    moments = [each.timestamp for each in wanted]
    # The times are a condition too, because a table in partitions has no index of keys alone.
    found = with_relations(events, "user").filter(
        pk__in={each.pk for each in wanted},
        timestamp__gte=min(moments),
        timestamp__lte=max(moments),
    )
    by_key = {event.pk: event for event in fetch(defer_large_extra(found.order_by()))}
    return [[by_key[each.pk] for each in group if each.pk in by_key] for group in groups]
