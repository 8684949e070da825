"""Delivery of the segments of a spool to ClickHouse."""

from collections.abc import Callable, Sequence
from functools import partial

from ...backends import destinations
from ...backends.delivery.pacer import Pacer
from ...backends.delivery.segments import SegmentDelivery
from ...backends.destinations import Destination
from ...backends.spool import Segment, Spool
from ...backends.spool.segment import DEAD, created_at
from .insertion import deliver, delivered_batches
from .table import ClickHouseTable

MICROSECONDS = 1_000_000
DAY_SECONDS = 86_400
MIN_MICROSECONDS = -(2**62)  # before every event


class ClickHouseDelivery(SegmentDelivery):
    """Deliver segments to ClickHouse, and the events of an earlier backend to their database."""

    def __init__(
        self, spool: Spool, on_lost: Callable[[int], None], table: ClickHouseTable
    ) -> None:
        super().__init__(spool, on_lost)
        self._table = table

    def _is_own(self, destination: str) -> bool:
        return destination == destinations.current_for_store(self._table.store_name)

    def send(self, segment: Segment, using: str, pacer: Pacer) -> None:
        if not self._is_own(segment.destination):
            super().send(segment, using, pacer)
            return
        dead_letter = partial(self.dead_letter, segment.destination)
        chunks = pacer.chunks(segment, holds_locks=False)
        deliver(segment.id, chunks, self._table, dead_letter)
        segment.remove()

    def maintain(self, destination: str, found: Destination) -> None:
        if not self._is_own(destination):
            super().maintain(destination, found)

    def written_batches(
        self, batch_ids: Sequence[str], destination: str, found: Destination
    ) -> set[str]:
        if not self._is_own(destination):
            return super().written_batches(batch_ids, destination, found)
        # A batch whose lines were all rejected has no rows.
        rejected = {each for each in batch_ids if self.spool.path(each, destination, DEAD).exists()}
        if not (sought := [each for each in batch_ids if each not in rejected]):
            return rejected
        # Most events are at most a day older than their batch, so few months are read.
        oldest = min(map(created_at, sought)) - DAY_SECONDS
        written = delivered_batches(sought, int(oldest * MICROSECONDS), self._table)
        if rest := [each for each in sought if each not in written]:
            written |= delivered_batches(rest, MIN_MICROSECONDS, self._table)
        return written | rejected
