"""Captures, with which tests collect events, and ``are_events_recorded()``."""

from threading import Lock
from typing import Any

from django.db import connections

from ..conf import conf
from ..models.event import Log
from ..records.record import Record
from ..threads import off_loop


class CapturedEvent:
    """An event in memory, with the outcome of the transaction in which it was logged."""

    def __init__(self, record: Record, transaction: Any = None) -> None:
        """Follow ``transaction``, the connection of the transaction that the event is part of."""
        self.record = record
        self.row = off_loop(lambda: Log.from_record(record))
        self._transaction = transaction
        if transaction is not None:
            self._on_commit = self._commit  # kept, because each access makes another method object
            transaction.on_commit(self._on_commit)

    @property
    def is_rolled_back(self) -> bool:
        """True if the event was lost with its transaction or savepoint.

        Django drops the callbacks of a transaction that is rolled back.
        """
        if self._transaction is None:
            return False
        waiting = [callback for _, callback, *_ in self._transaction.run_on_commit]
        return not any(callback is self._on_commit for callback in waiting)

    def _commit(self) -> None:
        self._transaction = None


class Capture:
    """The events that are logged while the capture is active, in all threads."""

    def __init__(self, *, write: bool) -> None:
        self.entries: list[CapturedEvent] = []
        self.write = write  # whether the backend gets the events too

    def start(self) -> None:
        global _captures
        with _lock:
            _captures = (*_captures, self)

    def stop(self) -> None:
        global _captures
        with _lock:
            _captures = tuple(capture for capture in _captures if capture is not self)


_lock = Lock()
_captures: tuple[Capture, ...] = ()


def innermost_capture() -> Capture | None:
    """Return the capture that was started last."""
    return _captures[-1] if _captures else None


def are_events_recorded() -> bool:
    """Return whether events are recorded: ``ENABLED`` is true, or a test captures events."""
    return conf.enabled or bool(_captures)


def capture(record: Record, durability: str = "always", using: str | None = None) -> Log | None:
    """Add an event to all active captures; return its row if the backend must not get it."""
    captures = _captures
    if not captures:
        return None
    # Captures look past on-commit hooks, because they never run in Django's TestCase.
    transaction = None if durability == "always" or using is None else _open_transaction(using)
    event = CapturedEvent(record, transaction)
    for each in captures:
        each.entries.append(event)
    return None if any(each.write for each in captures) else event.row


def _open_transaction(using: str) -> Any:
    """Return the connection if it is in another transaction than the one of a ``TestCase``."""
    blocks = connections[using].atomic_blocks
    # See outside_transaction.is_in_testcase() about ``_from_testcase``.
    is_open = any(not getattr(block, "_from_testcase", False) for block in blocks)
    return connections[using] if is_open else None
