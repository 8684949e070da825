"""What the backends that hand batches to a task queue have in common."""

from abc import abstractmethod
from typing import Any

from .buffered import BufferedBackend, is_seconds
from .delivery import written_batches
from .spool import Batch

CONFIRM_AFTER = 2.0  # seconds before it is worth asking whether a batch was written


class BrokeredBackend(BufferedBackend):
    """Gathers as BufferedBackend does; a worker writes.

    A batch stays on disk until its rows are there: a broker that loses what it was given costs a
    delay of ``resend_after`` seconds, not the events. The other options are BufferedBackend's.
    """

    def __init__(
        self, *, batch_size: int = 500, resend_after: float = 600.0, **options: Any
    ) -> None:
        if not is_seconds(resend_after):
            raise ValueError(f"resend_after is {resend_after!r}; it has to be a number of seconds")
        super().__init__(batch_size=batch_size, **options)
        self._resend_after = resend_after

    @abstractmethod
    def publish(self, batch_id: str, lines: list[str]) -> None:
        """Give the batch to the broker; raises if it does not take it."""

    def hand_over(self, batch: Batch) -> None:
        self.publish(batch.id, batch.lines())
        batch.sent()

    def before_round(self) -> None:
        waiting = {
            batch_id: age for batch_id, age in self.spool.sent().items() if age > CONFIRM_AFTER
        }
        if not waiting:
            return
        written = written_batches(list(waiting))
        for batch_id, age in waiting.items():
            if batch_id in written:
                self.spool.confirm(batch_id)
            elif age > self._resend_after:
                self.spool.resend(batch_id)
