"""What goes wrong in logging is said here, and never to the visitor."""

import logging
import threading
import time

logger = logging.getLogger("eventlog")

EVERY = 60.0  # seconds between two reports of one kind
MOST_KINDS = 1000  # then the memory of what was said starts anew

_lock = threading.Lock()
_said: dict[tuple[str, type[BaseException]], tuple[float, int]] = {}


def report(what: str, error: BaseException) -> None:
    """Log ``error`` with its traceback, once a minute for each kind (``what`` and class).

    A database that is down must not also fill the disk with tracebacks: those held back are
    counted and named in the next report of their kind.
    """
    kind = (what, type(error))
    now = time.monotonic()
    with _lock:
        last, held_back = _said.get(kind, (None, 0))
        if last is not None and now - last < EVERY:
            _said[kind] = (last, held_back + 1)
            return
        if len(_said) >= MOST_KINDS:
            _said.clear()
        _said[kind] = (now, 0)
    more = f" ({held_back} more of these since the last report)" if held_back else ""
    logger.error("Logging failed in %s: %r%s", what, error, more, exc_info=error)


def forget() -> None:
    """Report the next of every kind at once: for tests."""
    with _lock:
        _said.clear()
