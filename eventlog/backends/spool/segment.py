"""Segments: files of events, claimed by one process for delivery."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from . import files

READ_BYTES = 1 << 20  # of one read if no other thread needs the GIL

WAITING, IN_FLIGHT, DEAD = ".jsonl", ".inflight", ".dead"


class Rejected(NamedTuple):
    """A line that cannot be written, and the reason."""

    line: str
    reason: str


class SegmentName(NamedTuple):
    """The parts of a segment's file name."""

    id: str  # of the batch; begins with the time of creation in nanoseconds
    destination: str
    state: str

    @classmethod
    def parse(cls, name: str) -> "SegmentName":
        """Split a file name."""
        batch_id, _, rest = name.partition(".")
        destination, _, state = rest.rpartition(".")
        return cls(batch_id, destination, f".{state}")

    def __str__(self) -> str:
        middle = f".{self.destination}" if self.destination else ""
        return f"{self.id}{middle}{self.state}"

    @property
    def created(self) -> float:
        """The time of creation. See created_at()."""
        return created_at(self.id)


def created_at(batch_id: str) -> float:
    """Return the time of creation in seconds since the epoch; 0 if the id has none."""
    digits = batch_id.partition("-")[0]
    return int(digits) / 1e9 if digits.isdecimal() else 0.0


class Segment:
    """A complete and locked file of the spool, which no other process delivers."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.id, self.destination, _ = SegmentName.parse(path.name)
        self._lock = lock

    @property
    def is_empty(self) -> bool:
        """True if the process ended before its first event."""
        return os.fstat(self._lock).st_size == 0

    def lines(self) -> list[str]:
        """Return the events, each a JSON document."""
        return [line for chunk in self.chunks(lambda: READ_BYTES) for line in chunk]

    def chunks(self, size: Callable[[], int]) -> Iterator[list[str]]:
        """Yield the lines in chunks of about ``size()`` bytes."""
        # A buffered file reads from the disk, and releases the GIL, once for many chunks.
        with self.path.open("rb", buffering=READ_BYTES) as file:
            torn: list[bytes] = []
            while data := file.read(size()):
                whole, newline, rest = data.rpartition(b"\n")
                if newline:
                    text = b"".join([*torn, whole]).decode(errors="replace")
                    torn = [rest]
                    yield [line for line in text.split("\n") if line]
                else:
                    torn.append(rest)
            # The incomplete last line was never acknowledged, because its process was killed.

    def remove(self) -> None:
        """Delete the file, because its rows are in the database."""
        self.path.unlink()
        self.release()

    def mark_in_flight(self) -> None:
        """Keep the file until its rows are in the database, because a broker has its events."""
        self.path.rename(self.path.with_suffix(IN_FLIGHT))
        self.release()

    def release(self) -> None:
        """Unlock the file, so that it can be delivered later or by another process."""
        files.unlock(self._lock)
