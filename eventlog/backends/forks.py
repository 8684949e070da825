"""Nobody forks in the middle of a delivery, and a forked child begins afresh."""

import os
import threading
from typing import Protocol
from weakref import WeakSet

PATIENCE = 2.0  # seconds that a fork waits for a delivery to end


class Forked(Protocol):
    """What has to know of forks."""

    def make_way(self, patience: float) -> bool:
        """Keep deliveries from beginning until ``let_go()``; False if one would not end in time."""

    def let_go(self) -> None:
        """The fork is over."""

    def begin(self) -> None:
        """This is a forked child: what is open, and what is counted, is its parent's."""


alive: WeakSet[Forked] = WeakSet()  # whom each fork is told to


class _Held(threading.local):
    """By the fork of this thread; another may fork at the same time."""

    def __init__(self) -> None:
        self.all: list[Forked] = []


_held = _Held()
_pid = os.getpid()
_noticing = threading.RLock()


def _before() -> None:
    # A child that inherits an open connection to SQLite gets "disk I/O error" from then on, so
    # nobody forks in the middle of a batch; unless that takes long, as with a database that is
    # down, when there is no connection to inherit.
    _held.all.extend(one for one in list(alive) if one.make_way(PATIENCE))


def _after_in_parent() -> None:
    while _held.all:
        _held.all.pop().let_go()


def _after_in_child() -> None:
    # A thread does not survive a fork, and locks are as whoever held them left them.
    global _pid
    _held.all.clear()
    try:
        for one in list(alive):
            one.begin()
    finally:
        _pid = os.getpid()


def notice() -> None:
    """Begin afresh after a fork that Python was not told of, as it is not of uWSGI's."""
    if os.getpid() != _pid:
        with _noticing:  # by the first of its threads; the others wait for it
            if os.getpid() != _pid:
                _after_in_child()


os.register_at_fork(
    before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
)
