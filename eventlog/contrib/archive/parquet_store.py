"""An archive of events: a directory with a Parquet file for each month."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from heapq import merge
from operator import attrgetter
from pathlib import Path
from typing import IO

from ...backends.spool import locks
from ...partitions.months import month_of, months
from .copy_store import StoreError, missing
from .event import CopiedEvent
from .parquet_file import ParquetReader, ParquetWriter

MONTHS = "date=????-??"
FILE = "events.parquet"  # in the directory of its month
# Readers of directories ignore names that begin with a dot.
ADDED, MERGED, LOCK = ".added.tmp", ".merged.tmp", ".lock"


class ParquetCopyStore:
    """A directory with ``date=2026-03/events.parquet`` for each month.

    A file is written under a temporary name and then renamed, so it is complete or does not exist.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.name = f"the archive {directory}"
        self._reading: dict[Path, ParquetReader] = {}
        self._writing: tuple[Path, ParquetWriter] | None = None
        self._lock: IO[bytes] | None = None

    def month_directory(self, month: datetime) -> Path:
        """Return the directory of a month, which engines read as a partition."""
        return self.directory / f"date={month.isoformat()[:7]}"  # %Y has no leading zeros

    def _files(self, start: datetime, end: datetime) -> Iterator[ParquetReader]:
        if not self.directory.exists():
            return
        # Not glob() of the path, which skips a directory that it may not read.
        for month in sorted(each for each in self.directory.iterdir() if each.match(MONTHS)):
            lower, upper = _span(month.name)
            if lower < end and upper > start and (month / FILE).exists():
                yield self._open(month / FILE)

    def _open(self, path: Path) -> ParquetReader:
        if path not in self._reading:
            self._reading.clear()  # one open file is enough
            self._reading[path] = ParquetReader(path)
        return self._reading[path]

    def hours(self, start: datetime, end: datetime) -> dict[datetime, int]:
        found: dict[datetime, int] = {}
        for file in self._files(start, end):
            found |= file.hours(start, end)
        return found

    def read(self, start: datetime, end: datetime) -> Iterator[CopiedEvent]:
        for file in self._files(start, end):
            yield from file.read(start, end)

    # Writing

    def adapted(self, events: Iterable[CopiedEvent], notes: Counter[str]) -> Iterator[CopiedEvent]:
        yield from events

    def add(self, events: Sequence[CopiedEvent], notes: Counter[str]) -> int:
        self._acquire_lock()
        rest = missing(self, events)
        if rest:
            if self._writing is None:
                directory = self.month_directory(month_of(rest[0].moment))
                directory.mkdir(parents=True, exist_ok=True)
                self._writing = directory, ParquetWriter(directory / ADDED)
            self._writing[1].write(rest)
        return len(rest)

    def _acquire_lock(self) -> None:
        if self._lock is not None:
            return
        if not locks.ARE_AVAILABLE:
            raise StoreError(
                f"Writing {self.name} needs POSIX file locks, which this platform does not have. "
                "Run the command on Linux, macOS or another Unix."
            )
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock = (self.directory / LOCK).open("ab")
        try:
            locks.try_to_acquire(self._lock.fileno())
        except OSError as error:
            raise StoreError(
                f"Another process writes {self.name}. Wait until it has ended."
            ) from error
        self._reading.clear()  # the other process may have replaced the file

    def commit(self) -> None:
        if self._writing is None:
            return
        (directory, writing), self._writing = self._writing, None
        final, added, merged = directory / FILE, directory / ADDED, directory / MERGED
        ready = added
        try:
            writing.close()
            if final.exists():
                ready = merged
                _merge(final, added, merged)
            self._reading.clear()
            ready.replace(final)
        finally:  # also if the disk is full
            writing.abort()
            for each in (added, merged):
                each.unlink(missing_ok=True)
        for each in (directory, self.directory):
            _sync_directory(each)

    def close(self) -> None:
        self._reading.clear()
        if self._writing is not None:
            (directory, writing), self._writing = self._writing, None
            writing.abort()
            (directory / ADDED).unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _merge(final: Path, added: Path, merged: Path) -> None:
    """Write the events of both files in the order of time."""
    writing = ParquetWriter(merged)
    try:
        for event in merge(
            ParquetReader(final).all(), ParquetReader(added).all(), key=attrgetter("micros")
        ):
            writing.write([event])
        writing.close()
    finally:
        writing.abort()


def _span(name: str) -> tuple[datetime, datetime]:
    with suppress(ValueError):
        start = month_of(datetime.strptime(f"{name} +0000", "date=%Y-%m %z"))
        for _start, end in months(start, start.replace(day=2)):
            assert end is not None
            return start, end
    raise StoreError(f"The directory {name!r} of the archive is not a month, such as date=2026-03.")


def _sync_directory(directory: Path) -> None:
    if os.name == "nt":  # Windows cannot open a directory
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
