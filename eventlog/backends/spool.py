"""A folder in which events wait on local disk: batches of JSON lines that any tool can read.

A process appends to a file of its own and holds a lock on it as long as it lives; the kernel
takes the lock away from a dead one, however it died. What it wrote is in the kernel's hands at
once, so a killed process loses nothing (a power cut may, unless ``fsync`` is set).

==========  ==================================================================================
``.open``   is being written by the process that holds the lock, or was just completed by it;
            whoever gets the lock seals it
``.batch``  is complete and waits; it never changes, and its name is the id of the batch
``.sent``   was handed to a broker and waits for its rows to appear
``.aside``  holds the lines that no database will take, each with the reason
==========  ==================================================================================
"""

import errno
import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from ..reporting import report
from . import files

READ = 1 << 20  # bytes at once, where nobody else has to be thought of
FORGOTTEN = 3600.0  # seconds after which a file that was never finished is nobody's
MOST_FULL = 4  # files that a process keeps open until somebody else than a request seals them

OPEN, BATCH, SENT, ASIDE = ".open", ".batch", ".sent", ".aside"


class Rejected(NamedTuple):
    """A line that cannot be written, and why."""

    line: str
    reason: str


class Waiting(NamedTuple):
    """What lies in a spool."""

    events: int  # not written yet, those that are being written to the spool included
    bytes: int
    oldest: float | None  # seconds that the oldest of them has waited
    sent: int  # of the events, those that a broker has
    aside: int


class Batch:
    """A sealed file, locked: nobody else delivers it meanwhile."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.id = path.stem
        self._lock = lock

    def lines(self) -> list[str]:
        """Its events, one JSON document each."""
        return [line for piece in self.pieces(lambda: READ) for line in piece]

    def pieces(self, size: Callable[[], int]) -> Iterator[list[str]]:
        """As ``lines()``, those of some ``size()`` bytes at a time."""
        # Each read from the disk itself gives the interpreter away.
        with self.path.open("rb", buffering=READ) as file:
            torn = b""
            while data := file.read(size()):
                whole, newline, rest = data.rpartition(b"\n")
                if newline:
                    text = (torn + whole).decode(errors="replace")
                    yield [line for line in text.split("\n") if line]
                torn = rest if newline else torn + rest
            # What is left was never acknowledged: a killed process was writing it.

    def done(self) -> None:
        """It is written: away with it."""
        self.path.unlink()
        self.release()

    def sent(self) -> None:
        """A broker has it."""
        self.path.rename(self.path.with_suffix(SENT))
        self.release()

    def release(self) -> None:
        files.unlock(self._lock)


class Spool:
    """Append lines, seal them into batches, claim the batches of whoever wrote them."""

    def __init__(self, folder: Path, *, batch_size: int, fsync: bool) -> None:
        self.folder = folder
        self._batch_size = batch_size
        self._fsync = fsync
        self.forget()

    def forget(self) -> None:
        """Begin anew: in a forked child the open file is the parent's."""
        inherited = [file for file, _path in getattr(self, "_full", ())]
        if (current := getattr(self, "_file", None)) is not None:
            inherited.append(current)
        # Re-entrant, for a log() in a signal handler that interrupts one.
        self._mutex = threading.RLock()
        self._sealing = threading.RLock()
        self._is_sealing = False
        self._file: int | None = None
        self._path = self.folder
        self._size = 0
        self._count = 0
        self._full: list[tuple[int, Path]] = []  # complete, to be sealed
        for file in inherited:
            with suppress(OSError):  # the child may have closed all that it inherited
                os.close(file)  # which leaves the parent its lock

    def append(self, line: str) -> bool:
        """Write one event; whether that completed a batch, which is then to be sealed.

        Raises ``OSError`` if it cannot.
        """
        data = line.encode() + b"\n"
        with self._mutex:
            if self._file is None:
                try:
                    self._open()
                except FileNotFoundError:  # taken for a dead one's by who cannot see our process
                    self._open()
            file = self._file
            assert file is not None
            written = files.write(file, data, len(data))
            if written != len(data):  # the disk is full: take the torn line back
                os.ftruncate(file, self._size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
            if self._file is not file:  # a signal handler's event completed the batch
                return True
            self._size += written
            self._count += 1
            complete = self._count >= self._batch_size
            # The event is there: what fails from now on must not make it look lost.
            try:
                if self._fsync:
                    os.fsync(file)
                if complete:
                    self._put_down()
                    if len(self._full) > MOST_FULL:  # nobody comes to do it
                        self.seal()
            except OSError as error:
                report("completing a batch of events", error)
            return complete

    def seal(self) -> None:
        """Complete the batch that this process is writing, if it holds anything.

        To rename a file may have to wait for the disk; who appends meanwhile does not.
        """
        with self._mutex:
            if self._count:
                self._put_down()
            full = self._full[:]  # nobody is writing to these any more
        with self._sealing:  # whoever comes meanwhile waits until it is done
            if self._is_sealing:  # and this is a signal handler that interrupts it
                return
            self._is_sealing = True
            try:
                for each in full:
                    if each in self._full:
                        self._seal(*each)
            finally:
                self._is_sealing = False

    def _seal(self, file: int, path: Path) -> None:
        try:
            path.rename(path.with_suffix(BATCH))
        finally:
            self._full.remove((file, path))
            files.unlock(file)

    def _open(self) -> None:
        name = f"{time.time_ns():020d}-{os.getpid()}-{uuid4().hex[:12]}"
        # Under its own name only once it is locked: nobody may take it for that of a dead process.
        new = self.folder / f".{name}.new"
        try:
            file = files.create(new)
        except FileNotFoundError:
            files.make_private(self.folder)
            file = files.create(new)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            path = new.rename(self.folder / (name + OPEN))
        except OSError:
            os.close(file)
            new.unlink(missing_ok=True)
            raise
        self._put_down()  # that of a signal handler's event, which was quicker
        self._file, self._path, self._size, self._count = file, path, 0, 0

    def _put_down(self) -> None:
        """The next event begins another file."""
        # First out of the way of a signal handler that logs.
        file, path, self._file, self._count = self._file, self._path, None, 0
        if file is not None:
            self._full.append((file, path))

    def _put(self, name: str, lines: Iterable[str]) -> None:
        """A whole file at once; one that has this name already is replaced."""
        new = self.folder / f".{uuid4().hex}.new"
        files.make_private(self.folder)
        with os.fdopen(files.create(new), "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)
        new.rename(self.folder / name)

    def adopt(self) -> None:
        """Seal what processes that are dead left open."""
        for path in self._files(OPEN):
            if path == self._path:
                continue
            if (lock := files.lock(path)) is not None:
                try:
                    if path.stat().st_size:
                        path.rename(path.with_suffix(BATCH))
                    else:
                        path.unlink()
                finally:
                    files.unlock(lock)
        for path in self.folder.glob(".*.new"):  # of a process that was killed between two steps
            with suppress(FileNotFoundError, ValueError):  # or somebody else's
                _time, _, pid = path.stem.rpartition("-")[0].partition("-")
                old = time.time() - path.stat().st_mtime > FORGOTTEN
                if old or (pid and not files.is_running(int(pid))):
                    path.unlink()

    def claim(self) -> Iterator[Batch]:
        """The complete batches that nobody else is delivering, oldest first."""
        for path in self._files(BATCH):
            if (lock := files.lock(path)) is not None:
                yield Batch(path, lock)

    def sent(self) -> dict[str, float]:
        """The batches that a broker has: how many seconds for, by id."""
        now = time.time()
        ages = {}
        for path in self._files(SENT):
            with suppress(FileNotFoundError):  # another process had it confirmed
                ages[path.stem] = now - path.stat().st_ctime
        return ages

    def confirm(self, batch_id: str) -> None:
        """The rows of a sent batch are there."""
        (self.folder / (batch_id + SENT)).unlink(missing_ok=True)

    def resend(self, batch_id: str) -> None:
        """The rows of a sent batch are still not there: hand it over again."""
        with suppress(FileNotFoundError):
            path = self.folder / (batch_id + SENT)
            path.rename(path.with_suffix(BATCH))

    def set_aside(self, batch_id: str, rejected: Sequence[Rejected]) -> None:
        """Keep what cannot be written, with the reason, until somebody looks at it."""
        self._put(batch_id + ASIDE, (json.dumps(line._asdict()) for line in rejected))

    def aside(self) -> list[Rejected]:
        """What was set aside, oldest first."""
        return [
            Rejected(**json.loads(line))
            for path in self._files(ASIDE)
            for line in path.read_text(encoding="utf-8").splitlines()
        ]

    def retry(self) -> int:
        """Put what was set aside back among the rest; how many that are."""
        count = 0
        for path in self._files(ASIDE):
            if (lock := files.lock(path)) is None:
                continue
            try:
                lines = [json.loads(line)["line"] for line in path.read_text().splitlines()]
                # The id follows from the name: put back twice, it is still written once.
                self._put(f"{path.stem}r{BATCH}", lines)
                path.unlink()
                count += len(lines)
            finally:
                files.unlock(lock)
        return count

    def ids(self, *, sent: bool) -> set[str]:
        """Of the batches that wait: those still being written, too, and those a broker has."""
        states = (OPEN, BATCH, SENT) if sent else (OPEN, BATCH)
        return {path.stem for path in self._files(*states) if files.size(path)}

    def size(self, *states: str) -> int:
        """Bytes of what waits, in any state or these; of a folder that cannot be read, none."""
        try:
            return sum(map(files.size, self._files(*(states or (OPEN, BATCH, SENT)))))
        except OSError:  # writing to it says so
            return 0

    def waiting(self) -> Waiting:
        """Look at everything that is there."""
        waiting = self._files(OPEN, BATCH, SENT)
        counts = {path: files.count_lines(path) for path in waiting}
        began = [int(path.stem.partition("-")[0]) for path in waiting if counts[path]]
        return Waiting(
            events=sum(counts.values()),
            bytes=sum(files.size(path) for path in waiting),
            oldest=time.time() - min(began) / 1e9 if began else None,
            sent=sum(count for path, count in counts.items() if path.suffix == SENT),
            aside=sum(files.count_lines(path) for path in self._files(ASIDE)),
        )

    def _files(self, *suffixes: str) -> list[Path]:
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        found = [name for name in names if name.endswith(suffixes) and not name.startswith(".")]
        return [self.folder / name for name in sorted(found)]
