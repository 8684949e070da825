"""Lost events: reported once, counted, and recorded as events."""

import errno
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from django.utils import timezone

from ..error_log import logger
from ..records.record import Record
from .spool import SpoolFull

DROPPED = "EVENTLOG_DROPPED"
FAILED_INLINE = "database not writable either"


class Losses:
    """The numbers of events that this process lost, by reason."""

    def __init__(self) -> None:
        # Re-entrant, because a signal of the operating system may interrupt this thread, and its
        # handler may log.
        self._lock = threading.RLock()
        self._unrecorded: Counter[str] = Counter()
        self._reported: set[str] = set()
        self.are_unrecorded = False

    def record(self, append: Callable[[str], object]) -> None:
        """Append an event for each reason, and reset the counts that were recorded."""
        with self._lock:
            counts, self._unrecorded = self._unrecorded, Counter()
            self.are_unrecorded = False
        for reason, count in counts.items():
            facts = {"count": count, "reason": reason}
            try:
                append(Record.build(None, DROPPED, facts, None, timezone.now()).to_json())
            except OSError:  # the spool is still full
                self.count(reason, count)
        if not self.are_unrecorded:
            self._reported.clear()

    def count(self, reason: str, number: int = 1) -> None:
        """Count lost events, which are recorded as soon as there is room."""
        with self._lock:
            self._unrecorded[reason] += number
            self.are_unrecorded = True

    def report_drop(self, directory: Path, error: OSError) -> None:
        """Count an event that is dropped because of ``error``."""
        reason = reason_of(error)
        self.count(reason)
        self._report_once(
            reason, "%s: %s; events are dropped and counted (%r)", directory, reason, error
        )

    def report_inline(self, directory: Path, error: OSError) -> None:
        """Report that events are written inline because of ``error``."""
        reason = reason_of(error)
        self._report_once(
            f"inline {reason}",
            "%s: %s; events are written to the database within the request (%r)",
            directory,
            reason,
            error,
        )

    def report_removed(self, directory: Path, number: int) -> None:
        """Count events whose files were removed from the spool before they were delivered."""
        self.count("removed", number)
        logger.error(
            "Events were removed from %s before they were delivered: %d",
            directory,
            number,
        )

    def _report_once(self, kind: str, message: str, *arguments: object) -> None:
        if kind not in self._reported:
            self._reported.add(kind)
            logger.error(message, *arguments)


def reason_of(error: OSError) -> str:
    """Return why the spool did not accept an event."""
    if not isinstance(error, SpoolFull):
        return "not writable"
    return "disk full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "max_bytes reached"
