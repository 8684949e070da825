"""The severity of an event, which other systems ask for."""

from enum import Enum

from .event import Event

MIN_REFUSED_STATUS, MIN_FAILED_STATUS = 400, 500


class Severity(Enum):
    """A severity that syslog and OpenTelemetry have in common."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


def severity_of(event: Event) -> Severity:
    """Return the severity of a response's status; INFO for other events."""
    status = event.record.status or 0
    if status >= MIN_FAILED_STATUS:
        return Severity.ERROR
    return Severity.WARN if status >= MIN_REFUSED_STATUS else Severity.INFO
