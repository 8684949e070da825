"""The file that a process appends events to."""

import errno
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from ...error_log import report
from . import files, lost_file
from .segment import WAITING, SegmentName

MAX_COMPLETED = 10_000  # completed files whose number of events is kept
# Seconds between two checks that the open file was not moved. Events that are appended in between
# are in the moved file.
NAME_CHECK_INTERVAL = 0.01


class SegmentWriter:
    """The segment that this process appends the events of one destination to."""

    def __init__(
        self, directory: Path, destination: str, *, batch_size: int, batch_bytes: int, fsync: bool
    ) -> None:
        self._directory = directory
        self._destination = destination
        self._batch_size = batch_size
        self._batch_bytes = batch_bytes
        self._fsync = fsync
        # Re-entrant, because a signal handler may log while its thread is inside append().
        self._mutex = threading.RLock()
        self._file: int | None = None
        self._path = directory
        self._name = b""
        self._inode = 0
        self._stat = files.StatBuffer()
        self._next_name_check = 0.0
        self._size = 0
        self._count = 0
        self._lost = 0  # events that were cut off or replaced, until take_lost()
        self.completed: dict[Path, int] = {}  # numbers of events, until the file is gone

    def append(self, data: bytes) -> bool:
        """Append the line of one event; return whether it completed the file.

        Raises ``OSError`` if the event cannot be written.
        """
        length = len(data)
        with self._mutex:
            # Some file systems do not count links, so a removal is also checked by name.
            if (file := self._file) is None or (
                (files.is_removed(file, self._stat) or time.monotonic() > self._next_name_check)
                and not self._has_name()
            ):
                self._open()
            # Signal handlers run after calls, so none can close the file before the write. The
            # name is compared as well, because another file may get the same descriptor.
            file, name = self._file, self._name
            if file is None:  # a signal handler's event completed the file
                return self.append(data)
            if (written := files.write(file, data, length)) != length:
                if self._file is not file or self._name is not name:
                    return self.append(data)
                try:
                    self._write_rest(file, data[max(0, written) :])
                except OSError as error:
                    if error.errno == errno.EFBIG and self._count:  # RLIMIT_FSIZE limits each file
                        self._complete()
                        self.append(data)
                        return True
                    raise
            if self._file is not file or self._name is not name:
                return True
            self._size += length
            self._count += 1
            # The event is on disk, so the caller must not see an error from here on.
            try:
                if self._fsync:
                    os.fsync(file)
                if complete := self._count >= self._batch_size or self._size >= self._batch_bytes:
                    self._complete()
            except OSError as error:
                report("completing a segment of events", error)
            return complete

    def _has_name(self) -> bool:
        """Return False if the file was removed, moved or replaced."""
        self._next_name_check = time.monotonic() + NAME_CHECK_INTERVAL
        inode = self._inode  # read first, because a signal handler may open another file
        return files.inode(self._name, self._stat) == inode

    def _write_rest(self, file: int, rest: bytes) -> None:
        """Write the rest of a line, or remove the line and raise the error that prevents it."""
        try:
            files.write_rest(file, rest)
        except OSError:
            # Remove the incomplete line. The file is shorter if another process truncated it.
            os.ftruncate(file, min(self._size, os.fstat(file).st_size))
            raise

    def rotate(self) -> None:
        """Complete the file if it holds events; the next event starts another file."""
        with self._mutex:
            if self._file is not None and (self._count or not self._has_name()):
                self._complete()

    def take_lost(self) -> int:
        """Return the number of events that are lost since the last call."""
        with self._mutex:
            lost, self._lost = self._lost, 0
            return lost

    def reset(self) -> None:
        """Close the file in a forked child, because it belongs to the parent."""
        file, self._file, self._count = self._file, None, 0
        if file is not None:
            with suppress(OSError):  # the child may have closed all inherited files
                os.close(file)

    def is_writing(self, path: Path) -> bool:
        """Return whether ``path`` is the current file."""
        return self._file is not None and path == self._path

    def _open(self) -> None:
        self._rescue()
        while True:
            batch_id = f"{time.time_ns():020d}-{os.getpid()}-{uuid4().hex[:12]}"
            path = self._directory / str(SegmentName(batch_id, self._destination, WAITING))
            try:
                file = files.create_locked(path)
            except FileNotFoundError:
                files.make_private(self._directory)
                file = files.create_locked(path)
            if file is not None:
                break
        name, inode = os.fsencode(path), os.fstat(file).st_ino
        if self._file is not None:  # a signal handler's event opened a file first
            path.unlink(missing_ok=True)
            files.unlock(file)
            return
        self._path, self._name, self._inode = path, name, inode
        self._size, self._count = 0, 0
        self._file = file

    def _rescue(self) -> None:
        """Keep the events of a file that has lost its name, and close the file."""
        # Cleared first, because a signal handler may log before the file is closed.
        file, path, count = self._file, self._path, self._count
        self._file, self._count = None, 0
        if file is None:
            return
        in_file, lost = lost_file.rescue(file, path, count)
        files.unlock(file)
        self._lost += lost
        self._remember(path, in_file)

    def _complete(self) -> None:
        if not self._has_name():
            self._rescue()
            return
        # Cleared first, because a signal handler may log before the file is closed.
        size, file, path, count = self._size, self._file, self._path, self._count
        self._file, self._count = None, 0
        if file is None:
            return
        in_file = count
        if os.fstat(file).st_size < size:  # another process truncated the file
            in_file = files.read_all(file).count(b"\n")
            self._lost += count - in_file
        self._remember(path, in_file)
        files.unlock(file)

    def _remember(self, path: Path, count: int) -> None:
        while len(self.completed) >= MAX_COMPLETED:
            self.completed.pop(next(iter(self.completed)), None)
        self.completed[path] = count
