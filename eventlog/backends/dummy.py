from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..records import Record
from .base import BaseBackend

if TYPE_CHECKING:
    from ..models import Log


class DummyBackend(BaseBackend):
    """Throws every event away."""

    def write(self, records: Sequence[Record]) -> "Sequence[Log]":
        return ()

    async def awrite(self, records: Sequence[Record]) -> "Sequence[Log]":
        return ()
