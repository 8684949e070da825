"""Base class of the backends that publish batches to a task queue."""

import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from django.db import connections

from ..error_log import logger
from . import destinations, get_backend
from .buffered import BufferedBackend
from .delivery.pacer import Pacer
from .delivery.segments import SegmentDelivery, UnknownDestination
from .options import is_seconds
from .spool import Rejected, Segment, Spool
from .spool.segment import created_at
from .sql import delivered

MIN_ACK_AGE = 2.0  # seconds from publishing a batch to the first query for its id
MAX_WORKER_DELAY = 60.0  # seconds that a batch may wait at the broker without a warning


class QueueState(NamedTuple):
    """The state of a task queue; all values are empty if a worker writes the batches."""

    problem: str = ""
    broker_error: str = ""
    unknown: str = ""
    """The reason for which the queue cannot be asked."""


class Broker(Protocol):
    """A task queue, as seen by a delivery."""

    def publish(self, batch_id: str, lines: list[str], destination: str) -> None:
        """Publish a batch; raise an error if the queue does not accept it."""

    def worker_question(self) -> str:
        """Return a question that helps an operator to find out why no worker writes batches."""


class QueuedBackend(BufferedBackend):
    """Append events to the spool, and let a worker of a task queue write them.

    A batch stays on disk until its rows are in the database. If the broker loses it, it is
    published again after ``resend_after`` seconds. The other options belong to BufferedBackend.
    """

    def __init__(
        self,
        *,
        batch_size: int = 500,
        batch_bytes: int = 1 << 20,
        resend_after: float = 600.0,
        **options: Any,
    ) -> None:
        if not is_seconds(resend_after):
            raise ValueError(f"resend_after is {resend_after!r}; it has to be a number of seconds")
        self._resend_after = resend_after
        super().__init__(batch_size=batch_size, batch_bytes=batch_bytes, **options)

    def make_delivery(self, spool: Spool) -> SegmentDelivery:
        return PublishingDelivery(spool, self.record_lost, self, self._resend_after)

    @abstractmethod
    def publish(self, batch_id: str, lines: list[str], destination: str) -> None:
        """Publish a batch; raise an error if the broker does not accept it."""

    def worker_question(self) -> str:
        """Return a question that helps an operator to find out why no worker writes batches."""
        return "Does a worker read the queue?"

    def queue_state(self, timeout: float) -> QueueState:
        """Return the state of the queue; wait about ``timeout`` seconds for the answer."""
        return QueueState(unknown="The task queue does not say which workers read it.")

    def overdue(self) -> str | None:
        """Return a warning about batches that no worker has written in time, or None."""
        waiting = [batch for batch, is_written in _in_flight(self.spool) if not is_written]
        if not waiting:
            return None
        # The age counts from the first event, because publishing a batch again does not reset it.
        oldest = max(time.time() - created_at(batch.id) for batch in waiting)
        if oldest <= min(self._resend_after, MAX_WORKER_DELAY):
            return None
        batches = "1 batch" if len(waiting) == 1 else f"{len(waiting)} batches"
        return f"No worker has written {batches} for {oldest:.0f} s. {self.worker_question()}"


class _Batch(NamedTuple):
    """A batch that a broker has."""

    id: str
    destination: str
    age: float  # seconds since it was published


def _in_flight(spool: Spool) -> Iterator[tuple[_Batch, bool]]:
    """Yield the batches in flight, and whether the rows of each are in the database."""
    for destination, ages in spool.in_flight().items():
        waiting = {batch_id: age for batch_id, age in ages.items() if age > MIN_ACK_AGE}
        found = destinations.find(destination)
        if not waiting or found is None:
            continue
        with destinations.in_schema(connections[found.using], found.schema):
            written = delivered.delivered_batches(list(waiting), found.using)
        for batch_id, age in waiting.items():
            yield _Batch(batch_id, destination, age), batch_id in written


class PublishingDelivery(SegmentDelivery):
    """Publish the segments of a spool, and keep each until its rows are in the database."""

    def __init__(
        self,
        spool: Spool,
        on_lost: Callable[[int], None],
        broker: Broker,
        resend_after: float,
    ) -> None:
        super().__init__(spool, on_lost)
        self._broker = broker
        self._resend_after = resend_after

    def send(self, segment: Segment, using: str, pacer: Pacer) -> None:
        self._broker.publish(segment.id, segment.lines(), segment.destination)
        segment.mark_in_flight()

    def take_back(self) -> None:
        """Remove written batches from the spool, and publish overdue batches again."""
        for (batch_id, destination, age), is_written in _in_flight(self.spool):
            if is_written:
                self.spool.ack(batch_id, destination)
            elif age > self._resend_after:
                logger.warning(
                    "No worker has written a batch of events for %.0f s, so it is published again. "
                    "%s",
                    age,
                    self._broker.worker_question(),
                )
                self.spool.requeue(batch_id, destination)


def deliver_or_dead_letter(batch_id: str, lines: Sequence[str], destination: str) -> None:
    """Write a batch in a worker; store lines that no database accepts in the worker's spool."""
    if destinations.is_of_other_test_run(destination):
        return  # without an error, because the events of a test run never leave the run
    found = destinations.find(destination)
    if found is None:
        raise UnknownDestination(destination)
    backend = get_backend()
    with destinations.in_schema(connections[found.using], found.schema):
        dead_letter = partial(_dead_letter, backend, destination)
        delivered.deliver(batch_id, lambda: [lines], found.using, dead_letter)


def _dead_letter(
    backend: Any, destination: str, batch_id: str, rejected: Sequence[Rejected]
) -> None:
    if isinstance(backend, BufferedBackend):
        backend.dead_letter(destination, batch_id, rejected)
        return
    for line, reason in rejected:
        logger.error("An event cannot be written (%s): %s", reason, line)
