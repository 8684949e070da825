"""Reports of errors in eventlog itself, which never reach the visitor."""

import logging
import threading
import time

logger = logging.getLogger("eventlog")

REPORT_INTERVAL = 60.0  # seconds between two reports of one kind
MAX_KINDS = 1000  # kinds that are remembered

_lock = threading.Lock()
_reported: dict[tuple[str, type[BaseException]], tuple[float, int]] = {}


def report(activity: str, error: BaseException) -> None:
    """Log ``error`` with its traceback, once a minute for each kind.

    The activity and the class of the error make up its kind. Reports are held back so that an
    unavailable database does not fill the disk with tracebacks; the next report counts them.
    """
    kind = (activity, type(error))
    now = time.monotonic()
    with _lock:
        last, held_back = _reported.get(kind, (None, 0))
        if last is not None and now - last < REPORT_INTERVAL:
            _reported[kind] = (last, held_back + 1)
            return
        if len(_reported) >= MAX_KINDS:
            _reported.clear()
        _reported[kind] = (now, 0)
    more = f" ({held_back} more of these since the last report)" if held_back else ""
    logger.error("Logging failed in %s: %r%s", activity, error, more, exc_info=error)


def reset() -> None:
    """Forget which kinds were reported, between tests."""
    with _lock:
        _reported.clear()
