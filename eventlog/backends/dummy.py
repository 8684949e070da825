"""A backend that discards events."""

from collections.abc import Sequence

from ..models.event import Log
from ..records.record import Record
from .base import BaseBackend


class DummyBackend(BaseBackend):
    """Discard every event."""

    def write(self, records: Sequence[Record]) -> Sequence[Log]:
        return ()

    async def awrite(self, records: Sequence[Record]) -> Sequence[Log]:
        return ()
