"""Following of new events, in the order in which they are stored."""

from collections.abc import Collection, Iterator, Sequence

from ..models import Log
from ..models.relations import with_relations
from .extra_loading import defer_large_extra, fetch
from .search.query import Search

OVERLAP_KEYS = 5000  # the newest keys, among which events of late transactions are looked for
CHUNK_EVENTS = 500


class Follower:
    """Finds the events that were stored since it was created or last asked.

    It follows primary keys, because a buffered event is stored seconds after its timestamp. A
    transaction may commit its key after higher ones, so the newest keys are compared each time.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._plan = Search.parse(text).plan
        newest = Log.objects.order_by("-pk").values_list("pk", flat=True)
        self._floor = 0  # events up to this key are not read again
        self._seen: set[int] = set()
        self.skip(newest[: OVERLAP_KEYS + 1])

    def skip(self, keys: Collection[int]) -> None:
        """Do not find the events with these keys."""
        self._seen.update(key for key in keys if key > self._floor)
        if len(self._seen) > OVERLAP_KEYS:
            self._floor = sorted(self._seen)[-OVERLAP_KEYS - 1]
            self._seen = {key for key in self._seen if key > self._floor}

    def new(self) -> Iterator[Sequence[Log]]:
        """Yield the new events in chunks, each oldest first.

        A chunk counts as found when the next one is asked for, so a failed consumer gets it again.
        """
        while keys := self._unseen()[:CHUNK_EVENTS]:
            if events := self._matching(keys):
                yield events
            self.skip(keys)

    def _unseen(self) -> list[int]:
        later = Log.objects.filter(pk__gt=self._floor).order_by("pk").values_list("pk", flat=True)
        return [key for key in later[: OVERLAP_KEYS + CHUNK_EVENTS] if key not in self._seen]

    def _matching(self, keys: Collection[int]) -> Sequence[Log]:
        # Parsed again, because a pattern stands for the actions and addresses that exist by now.
        search = Search.parse(self._text)
        if not search.errors:  # such as an account that was deleted since
            self._plan = search.plan
        events = with_relations(Log.objects.filter(self._plan.condition), "user", "content_type")
        found = events.filter(pk__in=keys).order_by("timestamp", "pk")
        return fetch(defer_large_extra(found))
