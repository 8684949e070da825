from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from asgiref.sync import sync_to_async
from django.core.checks import CheckMessage

from ..records import Record
from ..reporting import logger

if TYPE_CHECKING:
    from ..models import Log
    from .spool import Rejected


class BaseBackend(ABC):
    """Where records go. Options are the keyword arguments of ``__init__``."""

    # Whether write() only takes the records over, so that inside a transaction log() hands its
    # event on when that commits. A backend that writes at once takes part in the transaction.
    deferred: ClassVar[bool] = False

    @abstractmethod
    def write(self, records: Sequence[Record]) -> "Sequence[Log]":
        """Take the records; return their rows if they are written now, else nothing.

        Raises what its database or broker raises: the caller decides whether that matters.
        """

    async def awrite(self, records: Sequence[Record]) -> "Sequence[Log]":
        """See write()."""
        return await sync_to_async(self.write)(records)

    def write_apart(self, records: Sequence[Record]) -> None:
        """write(), such that its failure leaves a transaction of the caller's as it was."""
        self.write(records)

    async def awrite_apart(self, records: Sequence[Record]) -> None:
        """See write_apart()."""
        await self.awrite(records)

    def flush(self, timeout: float | None = None) -> bool:
        """Deliver what waits, within ``timeout`` seconds; whether nothing waits any more."""
        return True

    def settle(self, timeout: float, *, sent: bool = True) -> bool:
        """As flush(), and wait for what other processes of this machine are writing just now."""
        return self.flush(timeout)

    def start(self) -> None:  # noqa: B027 (most have nothing to do)
        """The process begins to serve: deliver what an earlier one left, if that is one's job."""

    def close(self) -> None:
        """Another backend takes over: deliver what waits, and stop."""
        self.flush()

    def set_aside(self, batch_id: str, rejected: "Sequence[Rejected]") -> None:
        """Keep lines that no database will take, with the reasons, for somebody to mend them."""
        for line, reason in rejected:
            logger.error("An event cannot be written (%s): %s", reason, line)

    def check(self) -> list[CheckMessage]:
        """What is wrong with the way this backend is set up, for ``manage.py check``."""
        return []
