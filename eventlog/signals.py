from typing import Any

from django.dispatch import Signal

from .reporting import report


class _ReportingSignal(Signal):
    """Says what a receiver raised on our own logger, where a storm of the same is one line."""

    def _log_robust_failure(self, receiver: Any, err: Exception) -> None:
        name = getattr(receiver, "__qualname__", repr(receiver))
        report(f"the receiver {name} of event_logged", err)


event_logged = _ReportingSignal()
"""Sent once for each event, after its row is written.

Arguments: ``sender``, the class ``Log``; ``event``, the ``Log`` just written. Receivers may be
functions or coroutine functions. What a receiver raises is reported on the ``eventlog`` logger
and stops neither the caller nor the other receivers::

    @receiver(event_logged)
    def alert(sender, event, **kwargs):
        if event.action == "LOGIN_FAILED":
            ...
"""
