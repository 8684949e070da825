"""Following of new events in ClickHouse."""

from collections.abc import Callable, Collection, Iterator, Sequence

from django.db.models import Q

from ...models import Log
from ...review.search.query import Search
from .visible_events import VisibleEvents

# The clocks of servers differ, and an INSERT takes its time before it runs.
OVERLAP = 30_000_000  # microseconds
CHUNK_EVENTS = 500


class ClickHouseFollower:
    """Finds the events that were stored since it was created or last asked.

    It follows the time of storage, because a buffered event is stored seconds after its timestamp.
    """

    def __init__(self, visible: VisibleEvents, parse: Callable[[str], Search], text: str) -> None:
        self._visible = visible
        self._parse = parse
        self._text = text
        self._plan = parse(text).plan
        self._since = visible.now() - OVERLAP
        self._seen: dict[int, int] = {}  # the time of storage of each key
        while some := visible.stored_since(self._since, self._seen, CHUNK_EVENTS):
            self._seen.update(some)

    def skip(self, keys: Collection[int]) -> None:
        """Do not find the events with these keys."""
        self._seen.update((key, self._since + OVERLAP) for key in keys if key not in self._seen)

    def new(self) -> Iterator[Sequence[Log]]:
        """Yield the new events in chunks, each oldest first."""
        while some := self._visible.stored_since(self._since, self._seen, CHUNK_EVENTS):
            if events := self._matching([key for key, _stored in some]):
                yield events
            self._seen.update(some)
        newest = max(self._seen.values(), default=0)
        self._since = max(self._since, newest - OVERLAP)
        self._seen = {key: at for key, at in self._seen.items() if at >= self._since}

    def _matching(self, keys: Sequence[int]) -> Sequence[Log]:
        # Parsed again, because a pattern stands for the actions that exist by now.
        search = self._parse(self._text)
        if not search.errors:
            self._plan = search.plan
        condition = Q(pk__in=keys) & self._plan.condition
        return self._visible.events(condition, "timestamp, id", len(keys))
