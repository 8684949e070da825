"""The signal ``event_logged``, and a guard against endless recursion of its receivers."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.dispatch import Signal

from .error_log import report


class _ReportingSignal(Signal):
    """A signal that reports exceptions of receivers on the ``eventlog`` logger, once a minute."""

    def _log_robust_failure(self, receiver: Any, err: Exception) -> None:
        name = getattr(receiver, "__qualname__", repr(receiver))
        report(f"the receiver {name} of event_logged", err)


event_logged = _ReportingSignal()
"""Sent once for each event, after its row is written.

Arguments: ``sender``, the class ``Log``; ``event``, the ``Log`` just written. Receivers may be
functions or coroutine functions. An exception of a receiver is reported on the ``eventlog`` logger
and stops neither the caller nor the other receivers. An event that a receiver logs is written, but
``event_logged`` and ``post_save`` are not sent for it, so that receivers do not call each other
endlessly. This does not apply to events that a receiver logs in another thread, or in a task of
Celery. Such a receiver must ignore its own events, for example by their action::

    @receiver(event_logged)
    def alert(sender, event, **kwargs):
        if event.action == "LOGIN_FAILED":
            ...
"""

_is_notifying: ContextVar[bool] = ContextVar("eventlog_is_notifying", default=False)


def is_notifying() -> bool:
    """Return whether a receiver of an event is running in this context."""
    return _is_notifying.get()


@contextmanager
def notifying() -> Iterator[None]:
    """Mark the block of code that calls receivers."""
    token = _is_notifying.set(True)
    try:
        yield
    finally:
        _is_notifying.reset(token)
