"""Fork safety: no fork during a delivery, and a fresh state in the child."""

import os
import threading
from typing import Protocol
from weakref import WeakSet

FORK_TIMEOUT = 2.0  # seconds that a fork waits for the end of a delivery


class ForkAware(Protocol):
    """A backend with state that a fork would break."""

    def pause(self, timeout: float) -> bool:
        """Prevent deliveries until ``resume()``; return False if a running one does not end."""

    def resume(self) -> None:
        """Allow deliveries again after the fork."""

    def reset_after_fork(self) -> None:
        """Start over in the child, because open files and counts belong to the parent."""


backends: WeakSet[ForkAware] = WeakSet()


class _Paused(threading.local):
    """The backends that this thread has paused for a fork; other threads may fork as well."""

    def __init__(self) -> None:
        self.backends: list[ForkAware] = []


_paused = _Paused()
_pid = os.getpid()
_detecting = threading.RLock()


def _before() -> None:
    # A child that inherits an open SQLite connection gets "disk I/O error" from then on. A delivery
    # that exceeds FORK_TIMEOUT waits for a database that is down and has no open connection.
    _paused.backends.extend(each for each in list(backends) if each.pause(FORK_TIMEOUT))


def _after_in_parent() -> None:
    while _paused.backends:
        _paused.backends.pop().resume()


def _after_in_child() -> None:
    # Threads do not survive a fork, and locks stay as they were in the parent.
    global _pid
    _paused.backends.clear()
    try:
        for each in list(backends):
            each.reset_after_fork()
    finally:
        _pid = os.getpid()


def detect_fork() -> None:
    """Start over after a fork outside Python, such as a fork of uWSGI."""
    if os.getpid() != _pid:
        with _detecting:  # the first thread resets, the others wait
            if os.getpid() != _pid:
                _after_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
    )
