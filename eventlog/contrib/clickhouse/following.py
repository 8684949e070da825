"""Following of new events in ClickHouse."""

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from django.db.models import Q

from ...models import Log
from ...review.search.query import Search

# The clocks of servers differ, and an INSERT takes its time before it runs.
OVERLAP = 30_000_000  # microseconds
CHUNK_EVENTS = 500


class Stored(Protocol):
    """The methods of ClickHouseReader that a follower needs."""

    def parse(self, text: str) -> Search: ...

    def events(self, condition: Q, order: str, limit: int) -> list[Log]: ...

    def stored_since(
        self, moment: int, seen: Collection[int], limit: int
    ) -> list[tuple[int, int]]: ...

    def now(self) -> int: ...


class ClickHouseFollower:
    """Finds the events that were stored since it was created or last asked.

    It follows the time of storage, because a buffered event is stored seconds after its timestamp.
    """

    def __init__(self, reader: Stored, text: str) -> None:
        self._reader = reader
        self._text = text
        self._plan = reader.parse(text).plan
        self._since = reader.now() - OVERLAP
        self._seen: dict[int, int] = {}  # the time of storage of each key
        while some := reader.stored_since(self._since, self._seen, CHUNK_EVENTS):
            self._seen.update(some)

    def skip(self, keys: Collection[int]) -> None:
        """Do not find the events with these keys."""
        self._seen.update((key, self._since + OVERLAP) for key in keys if key not in self._seen)

    def new(self) -> Iterator[Sequence[Log]]:
        """Yield the new events in chunks, each oldest first."""
        while some := self._reader.stored_since(self._since, self._seen, CHUNK_EVENTS):
            if events := self._matching([key for key, _stored in some]):
                yield events
            self._seen.update(some)
        newest = max(self._seen.values(), default=0)
        self._since = max(self._since, newest - OVERLAP)
        self._seen = {key: at for key, at in self._seen.items() if at >= self._since}

    def _matching(self, keys: Sequence[int]) -> Sequence[Log]:
        # Parsed again, because a pattern stands for the actions that exist by now.
        search = self._reader.parse(self._text)
        if not search.errors:
            self._plan = search.plan
        condition = Q(pk__in=keys) & self._plan.condition
        return self._reader.events(condition, "timestamp, id", len(keys))
