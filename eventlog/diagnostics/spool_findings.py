"""Findings about the events that wait in a spool, also for ``eventlog_spool status``."""

from collections.abc import Iterator

from ..backends import destinations
from ..backends.buffered import BufferedBackend
from ..backends.queued import QueuedBackend
from ..backends.spool import Status
from ..backends.spool.directory import is_writable_or_creatable
from .findings import Finding, problem


def unwritable_findings(backend: BufferedBackend) -> Iterator[Finding]:
    """Yield a problem if this user cannot write to the spool."""
    directory = backend.spool.directory
    if not is_writable_or_creatable(directory):
        yield problem(
            "spool-unwritable",
            f"This user cannot write to the spool {str(directory)!r}.",
            "Run the command as the user that runs the site, or give another directory in "
            "EVENTLOG['OPTIONS']['spool'].",
        )


def unreadable_findings(backend: BufferedBackend, status: Status) -> Iterator[Finding]:
    """Yield a problem if this user cannot read files of the spool."""
    directory = str(backend.spool.directory)
    # unwritable_findings() says enough about a directory of another user.
    is_reported = status.unreadable == [directory] and not is_writable_or_creatable(
        backend.spool.directory
    )
    if status.unreadable and not is_reported:
        names = ", ".join(status.unreadable[:3])
        yield problem(
            "spool-unreadable",
            f"Files that this user cannot read: {len(status.unreadable)}, such as {names}.",
            "Change their owner to the user that runs the site.",
        )


def undeliverable_findings(status: Status) -> Iterator[Finding]:
    """Yield the destinations that are not in the settings."""
    for destination, count in unknown_destinations(status).items():
        yield problem(
            "spool-unknown-database",
            f"{_events(count)} waiting for {destination!r}, which is not in DATABASES.",
            f"If the database was renamed or moved, run 'manage.py eventlog_spool reassign "
            f"{destination}'. If they are events of another site, give each site its own spool.",
        )


def overdue_findings(backend: BufferedBackend) -> Iterator[Finding]:
    """Yield a problem if no worker has written a published batch in time."""
    if isinstance(backend, QueuedBackend) and (found := backend.overdue()):
        message, _, question = found.partition(" s. ")
        yield problem("queue-overdue", f"{message} s.", question)


def age_findings(status: Status, max_age: float) -> Iterator[Finding]:
    """Yield a problem if an event has waited longer than ``max_age`` seconds."""
    oldest = status.oldest_seconds or 0.0
    if oldest > max_age:
        yield problem(
            "spool-age",
            f"The oldest event has waited {oldest:.0f} s; at most {max_age:.0f} s are allowed.",
            "Run 'manage.py eventlog_spool deliver', and read what the logger 'eventlog' reports.",
        )


def dead_letter_findings(status: Status) -> Iterator[Finding]:
    """Yield a problem if there are events that no database accepts."""
    if status.dead_letters:
        yield problem(
            "spool-dead-letters",
            f"Dead letters: {_events(status.dead_letters)}.",
            "Run 'manage.py eventlog_spool dead'.",
        )


def unknown_destinations(status: Status) -> dict[str, int]:
    """Return the numbers of events by destination that is not in the settings."""
    return {
        destination: count
        for destination, count in status.destinations.items()
        if not destinations.is_of_other_test_run(destination)
        and destinations.find(destination) is None
    }


def _events(count: int) -> str:
    return f"{count} event" if count == 1 else f"{count} events"
