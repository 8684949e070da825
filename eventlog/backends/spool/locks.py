"""File locks, which the spool needs and some platforms do not have.

This module decides for the whole package whether the platform supports a spool. Without ``fcntl``,
as on Windows, every module can be imported, and the backends with a spool refuse to start.
"""

from contextlib import suppress

from ...conf import Misconfigured

try:
    import fcntl
except ImportError:  # Windows
    ARE_AVAILABLE = False
else:
    ARE_AVAILABLE = True


def require_file_locks(what: str) -> None:
    """Raise ``Misconfigured`` if the platform has no file locks, which ``what`` needs."""
    if not ARE_AVAILABLE:
        raise Misconfigured(
            f"{what} needs a spool, but this platform has no POSIX file locks (no module fcntl).",
            "Set EVENTLOG['BACKEND'] to 'eventlog.backends.database.DatabaseBackend' and remove "
            "EVENTLOG['FORWARD'], or run the site on Linux, macOS or another Unix.",
            "eventlog.E011",
        )


def wait_for(file: int) -> None:
    """Lock an open file; wait while another process has locked it."""
    fcntl.flock(file, fcntl.LOCK_EX)


def try_to_acquire(file: int) -> None:
    """Lock an open file; raise ``OSError`` if another process has locked it."""
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def acquire(file: int) -> bool:
    """Lock an open file; return False if another process has locked it."""
    with suppress(OSError):
        try_to_acquire(file)
        return True
    return False


def release(file: int) -> None:
    """Release the lock of an open file, even if a forked child shares the descriptor."""
    fcntl.flock(file, fcntl.LOCK_UN)
