"""A spool: append events to segments, claim complete segments."""

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from ...conf import conf
from ...error_log import report
from . import files, locks
from .dead_letters import DeadLetters
from .segment import IN_FLIGHT, WAITING, Segment, SegmentName
from .segment_directory import SegmentDirectory
from .writer import SegmentWriter

MAX_OPEN_FILES = 32  # of one process; each destination has a file
MEASURE_INTERVAL = 1.0  # seconds between two measurements of a full spool


class SpoolFull(OSError):  # noqa: N818 (the name of a state)
    """The byte limit is reached, or the disk or the quota is full."""


class Spool(SegmentDirectory):
    """A directory of segments that this process appends events to and claims segments from."""

    def __init__(
        self,
        directory: Path,
        *,
        batch_size: int = 5000,
        batch_bytes: int = 8 << 20,
        max_bytes: int = 1 << 30,
        fsync: bool = False,
    ) -> None:
        locks.require_file_locks(f"EVENTLOG['BACKEND'] is {conf.backend!r}, which")
        super().__init__(directory)
        self.dead_letters = DeadLetters(self)
        self._options = {"batch_size": batch_size, "batch_bytes": batch_bytes, "fsync": fsync}
        self._max_bytes = max_bytes
        self.reset()

    def reset(self) -> None:
        """Start over in a forked child, because the open files belong to the parent."""
        for writer in getattr(self, "_writers", {}).values():
            writer.reset()
        self._writers: dict[str, SegmentWriter] = {}
        self._bytes = 0  # measured size, plus the bytes added since the measurement
        self._next_measurement = 0.0
        self.has_unopened = False  # True if the last claim() could not open a segment

    # Appending

    def append(self, line: str, destination: str) -> bool:
        """Write one event; return whether it completed a segment.

        Raises ``SpoolFull`` if the spool is full, and another ``OSError`` if the directory cannot
        be written.
        """
        data = line.encode() + b"\n"
        if self._bytes + len(data) > self._max_bytes and not self._has_room(len(data)):
            raise SpoolFull(errno.ENOBUFS, f"max_bytes={self._max_bytes} is reached")
        writer = self._writers.get(destination) or self._add_writer(destination)
        try:
            is_complete = writer.append(data)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise SpoolFull(error.errno, error.strerror) from error
            raise
        self._bytes += len(data)
        return is_complete

    def _add_writer(self, destination: str) -> SegmentWriter:
        if len(self._writers) >= MAX_OPEN_FILES:
            self.rotate()
            self._writers = {}
        writer = SegmentWriter(self.directory, destination, **self._options)  # type: ignore[arg-type]
        return self._writers.setdefault(destination, writer)

    def _has_room(self, length: int) -> bool:
        """Return whether the event fits, after measuring again: other processes deliver as well."""
        now = time.monotonic()
        if now >= self._next_measurement:
            self._next_measurement = now + MEASURE_INTERVAL
            self.refresh_size()
        return self._bytes + length <= self._max_bytes

    def refresh_size(self) -> None:
        """Measure the directory, including the segments of other processes."""
        self._bytes = self.size()

    @property
    def known_bytes(self) -> int:
        """The measured size in bytes, plus the bytes that this process added since."""
        return self._bytes

    @property
    def is_nearly_full(self) -> bool:
        """True from a quarter of ``max_bytes`` on, when delivery is no longer paced."""
        return self._bytes > self._max_bytes / 4

    def rotate(self) -> None:
        """Complete the segments that this process is writing."""
        for writer in [*self._writers.values()]:
            writer.rotate()

    # Delivering

    def claim(self, is_ignored: Callable[[str], bool] | None = None) -> Iterator[Segment]:
        """Yield the complete segments that no other process is delivering, oldest first.

        ``is_ignored``: whether to leave the segments of a destination alone, without locking them.
        """
        self.has_unopened = False
        for path in self.paths(WAITING):
            if is_ignored is not None and is_ignored(SegmentName.parse(path.name).destination):
                continue
            if any(writer.is_writing(path) for writer in [*self._writers.values()]):
                continue
            try:
                lock = files.lock(path)
            except OSError as error:  # such as a file of another user
                self.has_unopened = True
                report(f"opening {path.name} in the spool", error)
                continue
            if lock is None:
                continue
            segment = Segment(path, lock)
            if not segment.is_empty:
                yield segment
                continue
            with suppress(OSError):  # its process was killed before the first event
                path.unlink()
            segment.release()

    def take_lost(self) -> int:
        """Return the number of events that were cut off from an open file, once."""
        return sum(writer.take_lost() for writer in [*self._writers.values()])

    def removed_batches(self) -> dict[str, dict[str, int]]:
        """Return the batches of this process whose segments are gone, once.

        The result holds numbers of events by destination and batch id. Delivered segments are gone
        as well, so the caller has to leave out the batches whose rows are in the database.
        """
        removed: dict[str, dict[str, int]] = {}
        for destination, writer in [*self._writers.items()]:
            for path, count in [*writer.completed.items()]:
                if not path.exists() and not path.with_suffix(IN_FLIGHT).exists():
                    del writer.completed[path]
                    batch_id = SegmentName.parse(path.name).id
                    removed.setdefault(destination, {})[batch_id] = count
        return removed
