"""Log records that come before Django has loaded the apps, and are written later."""

import atexit
import logging
import os
from contextvars import Context
from threading import Lock
from typing import Any

from django.apps import apps
from django.core.signals import request_started

from ...error_log import report

MAX_HELD = 1000

_lock = Lock()
_held: list[tuple[logging.Handler, logging.LogRecord]] = []
_dropped = 0


def hold(handler: logging.Handler, record: logging.LogRecord) -> None:
    """Keep a log record until the apps are ready."""
    global _dropped
    with _lock:
        is_first = not _held
        if len(_held) < MAX_HELD:
            _held.append((handler, record))
        else:
            _dropped += 1
    if is_first:
        request_started.connect(write_held, dispatch_uid=__name__)
        atexit.register(_at_exit)


def write_held(**_: Any) -> None:
    """Write the log records that were held. Call this when the apps are ready."""
    global _dropped
    if not _held:
        return
    with _lock:
        held, dropped = [*_held], _dropped
        _held.clear()
        _dropped = 0
    request_started.disconnect(dispatch_uid=__name__)
    for handler, record in held:
        # In an empty context, because they do not belong to the current request.
        Context().run(handler.emit, record)
    if dropped:
        _report(f"{_events(dropped)} came after {MAX_HELD:,} others before the apps were ready")


def _at_exit() -> None:
    if apps.ready:
        write_held()
    elif _held:
        count = _events(len(_held) + _dropped)
        _report(f"{count} came before Django loaded its apps, and the apps were never loaded")


def _report(problem: str) -> None:
    report("logging the events of log records", RuntimeError(problem))


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count:,} events"


def _reset_in_child() -> None:
    """Forget the log records, because the parent process writes them."""
    global _lock, _dropped
    _lock, _dropped = Lock(), 0  # another thread may have held the lock
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_in_child)
