"""A round of delivery: write every complete segment of a spool to its database."""

import time
from collections.abc import Callable, Sequence
from functools import partial

from django.db import InterfaceError, OperationalError, connections, router

from ...error_log import logger, report
from ...models.event import Log
from .. import destinations
from ..destinations import Destination
from ..spool import Rejected, Segment, Spool
from ..sql import delivered
from ..sql.pending_keys import fill_in_keys
from .pacer import Pacer

CLEAN_UP_INTERVAL = 60.0  # seconds between two searches for segments of ended test runs
PRUNE_INTERVAL = 3600.0  # seconds between two searches for old batch ids
MAX_FAILURES = 50  # segments in one round
MAX_FAILURES_WHEN_DOWN = 2  # segments that fail because the database does not answer

# Callables that take each complete segment before its first delivery, while it is locked.
segment_receivers: list[Callable[[Spool, Segment], None]] = []


class SegmentDelivery:
    """Deliver the segments of a spool to the database, oldest first."""

    def __init__(self, spool: Spool, on_lost: Callable[[int], None]) -> None:
        self.spool = spool
        self._on_lost = on_lost
        self.reset()

    def reset(self) -> None:
        """Start over in a forked child."""
        self._failed = 0  # segments, in the last round
        self._next_clean_up = 0.0
        self._next_pruning: dict[str, float] = {}  # by destination

    def run(self, pacer: Pacer, deadline: float | None, is_stopped: Callable[[], bool]) -> bool:
        """Deliver the complete segments; return whether no segment is left.

        ``deadline`` is a time of ``time.monotonic()``. ``is_stopped`` is called after each segment.
        Segments with an unknown destination are left.
        """
        self.spool.rotate()
        self._clean_up()
        self.take_back()
        waiting = self.spool.size()
        pacer.start_round(waiting, urgent=bool(self._failed) or self.spool.is_nearly_full)
        # A failing segment must not block the others. If all fail, two more than in the last round
        # are tried, and only two if the database is down.
        allowed = min(self._failed + 2, MAX_FAILURES)
        tried = failed = down = 0
        has_unknown = False
        reached: set[str] = set()
        # A lock on a segment of another test run would hide the segment from its own process.
        for segment in self.spool.claim(destinations.is_of_other_test_run):
            if is_stopped() or (deadline is not None and time.monotonic() > deadline):
                segment.release()
                return False
            if (found := destinations.find(segment.destination)) is None:
                segment.release()
                has_unknown = True
                report("delivering events", UnknownDestination(segment.destination))
                continue
            tried += 1
            self._pass_on(segment)
            if (error := self._try(segment, found, pacer)) is not None:
                failed += 1
                down += isinstance(error, OperationalError | InterfaceError)
            else:
                reached.add(segment.destination)
            if failed == allowed or down == MAX_FAILURES_WHEN_DOWN:
                break
        self._failed = failed
        if failed and segment_receivers:
            self._pass_on_untried()
        if reached or not tried:
            self._prune(reached)
            self._count_lost()
        has_left = has_unknown or self.spool.has_unopened or bool(self.spool.unreadable())
        return not failed and not has_left

    def take_back(self) -> None:
        """Deliver the batches that an earlier backend gave to a broker, in case no worker does."""
        for destination, ages in self.spool.in_flight().items():
            for batch_id in ages:
                self.spool.requeue(batch_id, destination)

    def _pass_on(self, segment: Segment) -> None:
        for receive in segment_receivers:
            try:
                receive(self.spool, segment)
            except Exception as error:  # noqa: BLE001 (it must not delay the database)
                report("passing on a segment of events", error)

    def _pass_on_untried(self) -> None:
        """Pass on the segments that a round without a database does not try."""
        for segment in self.spool.claim(destinations.is_of_other_test_run):
            if destinations.find(segment.destination) is not None:
                self._pass_on(segment)
            segment.release()

    def _try(self, segment: Segment, found: Destination, pacer: Pacer) -> Exception | None:
        connection = connections[found.using]
        try:
            with destinations.in_schema(connection, found.schema):
                self.send(segment, found.using, pacer)
        except Exception as error:  # noqa: BLE001 (the segment is tried again after any error)
            report("delivering a batch of events", error)
            segment.release()
            if not connection.in_atomic_block:
                connection.close_if_unusable_or_obsolete()
            return error
        return None

    def send(self, segment: Segment, using: str, pacer: Pacer) -> None:
        """Write a segment to its database; after an error, it is tried again later."""
        # Requests may wait for rows of users, which InnoDB locks until the end of the transaction.
        holds_locks = connections[using].vendor == "mysql"
        chunks = partial(pacer.chunks, segment, holds_locks=holds_locks)
        dead_letter = partial(self.dead_letter, segment.destination)
        delivered.deliver(segment.id, chunks, using, dead_letter)
        segment.remove()

    def dead_letter(self, destination: str, batch_id: str, rejected: Sequence[Rejected]) -> None:
        """Store lines that no database accepts."""
        self.spool.dead_letters.add(batch_id, destination, rejected)
        logger.error(
            "Dead letters in %s: %d. The reason of the first is: %s",
            self.spool.directory,
            len(rejected),
            rejected[0].reason,
        )

    def _clean_up(self) -> None:
        now = time.monotonic()
        if now >= self._next_clean_up:
            self._next_clean_up = now + CLEAN_UP_INTERVAL
            self.spool.clean_up(destinations.is_abandoned)

    def _prune(self, reached: set[str]) -> None:
        using = router.db_for_write(Log)
        if not destinations.schema_of(using):  # otherwise the tables may only be in other schemas
            reached = {*reached, destinations.current(using)}
        now = time.monotonic()
        for destination in reached:
            found = destinations.find(destination)
            if found is None or now < self._next_pruning.get(destination, 0.0):
                continue
            self._next_pruning[destination] = now + PRUNE_INTERVAL
            self.maintain(destination, found)

    def maintain(self, destination: str, found: Destination) -> None:
        """Delete old batch ids, and fill in keys of events, once in an hour."""
        with destinations.in_schema(connections[found.using], found.schema):
            delivered.prune_batch_ids(self.spool.ids(in_flight=True), found.using)
            fill_in_keys(found.using)

    def _count_lost(self) -> None:
        """Count events that were removed from the spool before their delivery."""
        count = self.spool.take_lost()
        for destination, counts in self.spool.removed_batches().items():
            if (found := destinations.find(destination)) is None:
                continue  # another process may have delivered them before the settings changed
            written = self.written_batches([*counts], destination, found)
            count += sum(counts[batch_id] for batch_id in counts.keys() - written)
        if count:
            self._on_lost(count)

    def written_batches(
        self, batch_ids: Sequence[str], destination: str, found: Destination
    ) -> set[str]:
        """Return the batches whose rows are in the database."""
        with destinations.in_schema(connections[found.using], found.schema):
            return delivered.delivered_batches(batch_ids, found.using)


class UnknownDestination(LookupError):  # noqa: N818 (the name of a state)
    """The database that events wait for is not in ``DATABASES``."""

    def __init__(self, destination: str) -> None:
        super().__init__(
            f"Events wait for {destination or 'no database'!r}, which is not in DATABASES. "
            f"Restore its settings, or run manage.py eventlog_spool reassign."
        )
