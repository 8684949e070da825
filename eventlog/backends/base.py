"""The interface of backends."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from asgiref.sync import sync_to_async
from django.core.checks import CheckMessage

from ..models.event import Log
from ..records.record import Record


class BaseBackend(ABC):
    """A backend stores records. Its options are the keyword arguments of ``__init__``."""

    # True if write() only queues the records; log() then calls it after the transaction commits.
    # False if write() takes part in the caller's transaction.
    deferred: ClassVar[bool] = False

    @abstractmethod
    def write(self, records: Sequence[Record]) -> Sequence[Log]:
        """Store the records; return their rows if they are written now, else an empty sequence.

        Raises the errors of the database or the broker, which the caller handles.
        """

    def write_without_rows(self, records: Sequence[Record]) -> None:
        """Like ``write()``, for callers that do not need the rows."""
        self.write(records)

    async def awrite(self, records: Sequence[Record]) -> Sequence[Log]:
        """Do the same as ``write()``, in async code."""
        return await sync_to_async(self.write)(records)

    def write_isolated(self, records: Sequence[Record]) -> None:
        """Like ``write()``, but a failure does not break the caller's transaction."""
        self.write(records)

    async def awrite_isolated(self, records: Sequence[Record]) -> None:
        """Do the same as ``write_isolated()``, in async code."""
        await self.awrite(records)

    def flush(self, timeout: float | None = None) -> bool:
        """Deliver waiting records within ``timeout`` seconds; return whether all are delivered."""
        return True

    def close(self) -> None:
        """Deliver waiting records and stop, because another backend replaces this one."""
        self.flush()

    def check(self) -> list[CheckMessage]:
        """Return the problems of the options, for ``manage.py check``."""
        return []
