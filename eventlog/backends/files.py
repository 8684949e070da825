"""Files that a process appends to, and that are its own for as long as it holds their lock."""

import ctypes
import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

from ..reporting import report


def make_private(folder: Path) -> None:
    """A folder that its owner alone can read: events hold addresses and names."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _library_write() -> Callable[[int, bytes, int], int]:
    """write(2) under the interpreter's lock, which os.write() gives away.

    Another thread takes it, and a request waits until it gets it back: for milliseconds, and for
    the sake of a copy into the page cache, which takes one or two microseconds.
    """
    write = ctypes.PyDLL(None).write
    # No argtypes: int and bytes are passed on as they are, and to look at them takes as long again.
    write.restype = ctypes.c_ssize_t
    return cast("Callable[[int, bytes, int], int]", write)


write = _library_write()


def create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)


def lock(path: Path) -> int | None:
    """A lock on the file that has this name now; None if somebody has it, or it is gone."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:  # another user's, say: the rest is delivered all the same
        report(f"opening {path.name} in the spool", error)
        return None
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino == os.fstat(file).st_ino:  # not delivered or renamed meanwhile
            return file
    os.close(file)
    return None


def unlock(file: int) -> None:
    """Give the lock back, also where a child that was forked meanwhile shares it."""
    fcntl.flock(file, fcntl.LOCK_UN)
    os.close(file)


def is_running(pid: int) -> bool:
    """Whether a process has that number, as far as this one can see (not out of its container)."""
    try:
        with suppress(PermissionError):  # another user's
            os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # gone, or another user's
        return 0


def count_lines(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except OSError:  # gone, or another user's
        return 0
