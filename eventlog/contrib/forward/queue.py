"""The segments that wait for one target, in a directory of their own inside the spool.

==============  =============================================================================
``.jsonl``      a hard link to a segment of the spool, until the target has its events
``.done``       the target has the events, but the segment is still in the spool
``.dead``       events that the target refused, each with the reason
``state.json``  the position in the first segment, and the results of the last attempts
``dropped``     the number of events that were dropped at the limit
``lock``        locked by the process that sends
==============  =============================================================================

The links are not locked, because a lock on one would also lock the segment in the spool.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ...backends import destinations
from ...backends.destinations import TEST_RUN
from ...backends.spool import Segment, files, locks
from ...backends.spool.dead_letters import DeadLetters
from ...backends.spool.segment import DEAD, READ_BYTES, WAITING, SegmentName
from ...backends.spool.segment_directory import SegmentDirectory
from ...error_log import report
from .state import SendingState, count_dropped, read_dropped

DIRECTORY = "forward"
DONE = ".done"
RETRIED = "r"  # ends the batch id of dead letters of the database that were moved back
MEASURE_INTERVAL = 1.0  # seconds between two measurements of a queue


class TargetQueue(SegmentDirectory):
    """The segments that wait for one target. Any process of the machine adds and sends them."""

    def __init__(self, spool: Path, name: str, max_bytes: int) -> None:
        super().__init__(spool / DIRECTORY / name)
        self.dead_letters = DeadLetters(self)
        self._spool = SegmentDirectory(spool)
        self._max_bytes = max_bytes
        self._bytes = 0  # measured size, plus the bytes added since the measurement
        self._next_measurement = 0.0
        self._lock: int | None = None

    # Adding

    def add(self, segment: Segment) -> None:
        """Keep the events of a complete segment, which the caller has locked.

        A segment is added once, even if it is delivered to the database in several attempts.
        """
        if segment.id.endswith(RETRIED):  # the target got these events with their first batch
            return
        # Without the name of a database, because a site may reassign segments.
        destination = segment.destination if TEST_RUN in segment.destination else ""
        waiting = self.path(segment.id, destination, WAITING)
        if waiting.exists() or waiting.with_suffix(DONE).exists():
            return
        files.make_private(self.directory)
        size = files.size(segment.path)
        if self._has_room(size) and self._keep(segment, waiting):
            self._bytes += size
            return
        events = sum(map(len, segment.chunks(lambda: READ_BYTES)))
        count_dropped(self.directory / "dropped", events)
        files.put(waiting.with_suffix(DONE), b"")

    def _keep(self, segment: Segment, waiting: Path) -> bool:
        with suppress(OSError):  # such as a file system without hard links
            os.link(segment.path, waiting)
            return True
        try:
            files.put(waiting, segment.path.read_bytes())
        except OSError as error:  # such as a full disk, which must not delay the database
            report(f"keeping events in {self.directory}", error)
            return False
        return True

    def _has_room(self, size: int) -> bool:
        now = time.monotonic()
        if now >= self._next_measurement:
            self._next_measurement = now + MEASURE_INTERVAL
            self._bytes = self.size(WAITING)
        return self._bytes + size <= self._max_bytes

    # Sending

    def acquire(self) -> bool:
        """Lock the queue for sending; return False if another process sends."""
        files.make_private(self.directory)
        file = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not locks.acquire(file):
            os.close(file)
            return False
        self._lock = file
        return True

    def release(self) -> None:
        """Unlock the queue."""
        file, self._lock = self._lock, None
        if file is not None:
            files.unlock(file)

    def forget_lock(self) -> None:
        """Close the inherited lock in a forked child, because the lock belongs to the parent."""
        file, self._lock = self._lock, None
        if file is not None:
            with suppress(OSError):  # the child may have closed all inherited files
                os.close(file)

    def waiting(self) -> Iterator[Path]:
        """Yield the segments that wait, oldest first, except for segments of other test runs."""
        for path in self.paths(WAITING):
            if not destinations.is_of_other_test_run(SegmentName.parse(path.name).destination):
                yield path

    def lines(self, path: Path) -> Iterator[str]:
        """Yield the events of a segment, each a JSON document."""
        assert self._lock is not None
        for chunk in Segment(path, self._lock).chunks(lambda: READ_BYTES):
            yield from chunk

    def remove(self, path: Path) -> None:
        """Remove a segment, because the target has its events."""
        path.rename(path.with_suffix(DONE))
        self._next_measurement = 0.0

    def tidy(self) -> None:
        """Remove the segments of ended test runs, and the marks of segments that left the spool."""
        self.clean_up(destinations.is_abandoned)
        # In this order, because a segment may be added and sent between the two.
        marks = self.paths(DONE)
        in_spool = self._spool.ids(in_flight=True)
        for path in marks:
            if SegmentName.parse(path.name).id not in in_spool:
                path.unlink(missing_ok=True)

    def is_full_of_dead_letters(self) -> bool:
        """Return whether the dead letters have reached the limit of the queue."""
        return self.size(DEAD) >= self._max_bytes

    # State

    def read_state(self) -> SendingState:
        """Return the position and the results of the last attempts."""
        return SendingState.read(self.directory / "state.json")

    def write_state(self, state: SendingState) -> None:
        """Store the position and the results."""
        state.write(self.directory / "state.json")

    def dropped(self) -> int:
        """Return the number of events that were dropped at the limit."""
        return read_dropped(self.directory / "dropped")
