"""What happened next to an event: before and after it, in its request, by its user."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from django.db.models import Q
from django.db.models.lookups import Exact

from ..models import Log, LogQuerySet
from .expressions import Address, Text
from .nearest import Lead, Wanted
from .pages import Mark, page
from .search import Search
from .shown import facts

MOST = 5  # events before and after
MOST_OF_REQUEST = 50
# The event of a request bears the time it came in, those within it later ones; but a log() in a
# view without the middleware may come first.
EARLIER = timedelta(seconds=30)


class Neighbours(NamedTuple):
    newer: Log | None
    older: Log | None


def neighbours(event: Log, events: LogQuerySet, search: Search) -> Neighbours:
    """The events next to this one among those that were searched for."""
    mark = Mark(event.timestamp, event.pk)
    newer = page(events, search.wanted, 1, newer=mark).events
    older = page(events, search.wanted, 1, older=mark).events
    return Neighbours(newer[0] if newer else None, older[0] if older else None)


def of_same_request(event: Log, events: LogQuerySet) -> Sequence[Log]:
    """The other events of its request, the oldest first."""
    request_id = facts(event).get("request_id")
    if not isinstance(request_id, str):
        return []
    wanted = Wanted(residual=Q(Exact(Text("request_id"), request_id)))
    start = Mark(event.timestamp - EARLIER, 0)
    found = page(events, wanted, MOST_OF_REQUEST, newer=start).events
    return [other for other in reversed(found) if other.pk != event.pk]


def around(event: Log, events: LogQuerySet) -> Sequence[Log]:
    """What this user, or this address where nobody was logged in, did before and after."""
    ip = facts(event).get("ip")
    if event.user_id is not None:
        lead = Lead(Q(user=event.user_id))
    elif isinstance(ip, str):
        lead = Lead(Q(Exact(Address(), ip)), by_day=True)
    else:
        return []
    mark = Mark(event.timestamp, event.pk)
    after = page(events, Wanted(lead=lead), MOST, newer=mark).events
    before = page(events, Wanted(lead=lead), MOST, older=mark).events
    return [*after, event, *before]
