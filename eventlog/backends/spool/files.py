"""System calls for files that one process appends to and locks."""

import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, cast
from uuid import uuid4

from . import locks

TEMPORARY = ".tmp"


def make_private(directory: Path) -> None:
    """Create ``directory`` with access for its owner only: events hold personal data."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


# ctypes.PyDLL holds the GIL during a call of one microsecond. os.write() and os.stat() release
# it, and a thread may then wait milliseconds for the GIL (benchmarks.served). PyDLL(None) is the C
# library, which Windows does not offer this way. No argtypes, because checking them doubles the
# time of a call.
_libc: Any = ctypes.PyDLL(None) if locks.ARE_AVAILABLE else None
if _libc is not None:
    _libc.write.restype = ctypes.c_ssize_t
write = cast("Callable[[int, bytes, int], int]", getattr(_libc, "write", None))


def write_rest(file: int, data: bytes) -> None:
    """Write the rest of a line after an incomplete ``write()``, which does not tell its error."""
    while data:
        data = data[os.write(file, data) :]


StatBuffer = ctypes.c_uint64 * 32  # struct statx
_AT_FDCWD, _AT_EMPTY_PATH = -100, 0x1000
# Without times, because a write is slower after its file's times were read.
_STATX_NLINK, _STATX_INO = 0x4, 0x100


def _inode(path: bytes, buffer: "ctypes.Array[ctypes.c_uint64]") -> int:
    failed = _libc.statx(_AT_FDCWD, path, 0, _STATX_INO, buffer)
    return 0 if failed else buffer[4]  # stx_ino, see statx(2)


def _portable_inode(path: bytes, buffer: "ctypes.Array[ctypes.c_uint64]") -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0


# A check by descriptor takes half the time of a check by name.
def _is_removed(file: int, buffer: "ctypes.Array[ctypes.c_uint64]") -> bool:
    failed = _libc.statx(file, b"", _AT_EMPTY_PATH, _STATX_NLINK, buffer)
    return not (failed or buffer[2] & 0xFFFFFFFF)  # stx_nlink


def portable_is_removed(file: int, buffer: "ctypes.Array[ctypes.c_uint64]") -> bool:
    try:
        return os.fstat(file).st_nlink == 0
    except OSError:  # a signal handler's event closed the file
        return False


def _has_statx() -> bool:
    if sys.byteorder != "little" or not hasattr(_libc, "statx"):
        return False
    return _inode(b"/", StatBuffer()) == os.stat("/").st_ino


# inode() returns the inode number of the file of this name, or 0 if there is none. The name must
# not contain NUL. is_removed() returns whether an open file has no name any more. The buffer
# belongs to the caller, because creating one takes a tenth of the time.
inode, is_removed = (
    (_inode, _is_removed) if _has_statx() else (_portable_inode, portable_is_removed)
)


def create_locked(path: Path) -> int | None:
    """Create a file and lock it; return its descriptor, or None if another process removed it.

    Raises ``OSError`` if the file cannot be created.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
    file = os.open(path, flags, 0o600)
    with suppress(OSError):  # a process that removes abandoned files may lock it first
        if locks.acquire(file) and path.stat().st_ino == os.fstat(file).st_ino:
            return file
    os.close(file)
    return None


def lock(path: Path) -> int | None:
    """Lock the file of this name; return its descriptor, or None if it is locked or gone.

    Raises ``OSError`` if the file cannot be opened.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with suppress(OSError):  # the file was renamed or removed since
        if locks.acquire(file) and path.stat().st_ino == os.fstat(file).st_ino:
            return file
    os.close(file)
    return None


def unlock(file: int) -> None:
    """Release the lock, even if a forked child shares the descriptor, and close the file."""
    locks.release(file)
    os.close(file)


def supports_locks(directory: Path) -> bool:
    """Return whether files in a directory can be locked, which some file systems refuse."""
    try:
        with TemporaryFile(dir=directory) as file:
            return locks.acquire(file.fileno())
    except OSError:
        return False


def put(path: Path, content: bytes) -> None:
    """Write a file atomically, and replace a file of the same name."""
    make_private(path.parent)
    temporary = path.with_name(f".{uuid4().hex}{TEMPORARY}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.rename(path)


def read_all(file: int) -> bytes:
    """Return the content of an open file, even if it was removed from its directory."""
    return os.pread(file, os.fstat(file).st_size, 0)


def size(path: Path) -> int:
    """Return the size in bytes; 0 for a file that is gone or that this user cannot read."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def is_running(pid: int) -> bool:
    """Return whether this PID namespace has a process with this number."""
    try:
        with suppress(PermissionError):  # it belongs to another user
            os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
