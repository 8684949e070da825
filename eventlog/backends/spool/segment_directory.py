"""The segments in a spool, of all processes on the machine."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from . import files
from .segment import DEAD, IN_FLIGHT, WAITING, SegmentName

TEMPORARY_FILE_TIMEOUT = 3600.0  # seconds after which a temporary file is deleted


class Status(NamedTuple):
    """The content of a spool, from all processes on the machine."""

    events: int  # not written yet, including those that a process still appends to
    bytes: int
    oldest_seconds: float | None  # the age of the oldest event
    in_flight: int  # events that a broker has
    in_flight_seconds: float | None  # the age of the oldest of these events
    dead_letters: int
    destinations: dict[str, int]  # events by destination
    unreadable: Sequence[str]  # names of files, or the directory, that this user cannot read


class SegmentDirectory:
    """A directory of segments, in the states that their file names give."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path(self, batch_id: str, destination: str, state: str) -> Path:
        """Return the path of a segment."""
        return self.directory / str(SegmentName(batch_id, destination, state))

    def paths(self, *states: str) -> list[Path]:
        """Return the segments in any of these states, oldest first."""
        try:
            names = os.listdir(self.directory)
        except FileNotFoundError:
            return []
        found = [name for name in names if name.endswith(states) and not name.startswith(".")]
        return [self.directory / name for name in sorted(found)]

    # Segments in flight

    def in_flight(self) -> dict[str, dict[str, float]]:
        """Return the age in seconds of the batches that a broker has, by destination and id."""
        now = time.time()
        found: dict[str, dict[str, float]] = {}
        for path in self.paths(IN_FLIGHT):
            name = SegmentName.parse(path.name)
            with suppress(FileNotFoundError):  # another process acknowledged it
                age = now - path.stat().st_ctime
                found.setdefault(name.destination, {})[name.id] = age
        return found

    def ack(self, batch_id: str, destination: str) -> None:
        """Remove a batch in flight, because its rows are in the database."""
        self.path(batch_id, destination, IN_FLIGHT).unlink(missing_ok=True)

    def requeue(self, batch_id: str, destination: str) -> None:
        """Move a batch in flight back to the waiting segments, to be published again."""
        with suppress(FileNotFoundError):
            path = self.path(batch_id, destination, IN_FLIGHT)
            path.rename(path.with_suffix(WAITING))

    # Destinations

    def reassign(self, old: str, new: str) -> int:
        """Move the segments of one destination to another; return the number of segments."""
        count = 0
        for path in self.paths(WAITING, IN_FLIGHT, DEAD):
            name = SegmentName.parse(path.name)
            if name.destination != old or (lock := files.lock(path)) is None:
                continue
            try:
                path.rename(path.with_name(str(name._replace(destination=new))))
                count += 1
            finally:
                files.unlock(lock)
        return count

    def clean_up(self, is_abandoned: Callable[[str], bool]) -> None:
        """Remove the segments of abandoned destinations, and old temporary files."""
        try:
            paths = self.paths(WAITING, IN_FLIGHT, DEAD)
        except OSError:  # such as a file in place of the directory, which append() reports
            return
        for path in paths:
            name = SegmentName.parse(path.name)
            if is_abandoned(name.destination) and (lock := files.lock(path)) is not None:
                path.unlink()
                files.unlock(lock)
        for path in self.directory.glob(f".*{files.TEMPORARY}"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > TEMPORARY_FILE_TIMEOUT:
                    path.unlink()

    # Size and status

    def names(self, *, in_flight: bool) -> list[SegmentName]:
        """Return the names of the segments that hold events, including incomplete segments."""
        states = (WAITING, IN_FLIGHT) if in_flight else (WAITING,)
        return [SegmentName.parse(path.name) for path in self.paths(*states) if _size(path)]

    def ids(self, *, in_flight: bool) -> set[str]:
        """Return the ids of the batches that wait, including incomplete segments."""
        return {name.id for name in self.names(in_flight=in_flight)}

    def size(self, *states: str) -> int:
        """Return the number of bytes that wait; 0 for a directory that cannot be read."""
        try:
            return sum(map(files.size, self.paths(*(states or (WAITING, IN_FLIGHT)))))
        except OSError:  # append() reports the error
            return 0

    def unreadable(self) -> list[str]:
        """Return the names of segments that this user cannot read, or the name of the directory."""
        try:
            paths = self.paths(WAITING, IN_FLIGHT, DEAD)
        except OSError:
            return [str(self.directory)]
        return [path.name for path in paths if not os.access(path, os.R_OK) and path.exists()]

    def status(self) -> Status:
        """Read every segment, including the segments of other processes, and return the numbers."""
        unreadable = self.unreadable()
        if unreadable == [str(self.directory)]:
            return Status(0, 0, None, 0, None, 0, {}, unreadable)
        waiting = self.paths(WAITING, IN_FLIGHT)
        names = {path: SegmentName.parse(path.name) for path in waiting}
        counts = {path: _count_lines(path) for path in waiting}
        created = [names[path].created for path in waiting if _size(path)]
        destinations: dict[str, int] = {}
        for path, name in names.items():
            destinations[name.destination] = destinations.get(name.destination, 0) + counts[path]
        # From the first event, so that the age goes on if a batch is published again.
        published = [names[path].created for path in waiting if path.suffix == IN_FLIGHT]
        return Status(
            events=sum(counts.values()),
            bytes=sum(map(files.size, waiting)),
            oldest_seconds=time.time() - min(created) if created else None,
            in_flight=sum(n for path, n in counts.items() if path.suffix == IN_FLIGHT),
            in_flight_seconds=time.time() - min(published) if published else None,
            dead_letters=sum(map(_count_lines, self.paths(DEAD))),
            destinations=destinations,
            unreadable=unreadable,
        )


def _size(path: Path) -> int:
    """Return the size of a file in bytes; 1 for a file that this user cannot read."""
    return files.size(path) or int(not os.access(path, os.R_OK) and path.exists())


def _count_lines(path: Path) -> int:
    count = 0
    with suppress(OSError), path.open("rb") as file:
        while data := file.read(1 << 20):
            count += data.count(b"\n")
    return count
