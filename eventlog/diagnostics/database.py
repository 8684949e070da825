"""Checks of the database of events: connection, migrations and clocks."""

import time
from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone

from ..datetimes import aware
from ..models import Log
from .findings import Finding, problem, warning
from .site import Site

MAX_DIFFERENCE = 5.0  # seconds between two clocks
MAX_AHEAD = timedelta(minutes=5)  # of an event
# The time of the server in seconds since 1970.
_CLOCKS = {
    "postgresql": "SELECT EXTRACT(EPOCH FROM CLOCK_TIMESTAMP())",
    "mysql": "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1000000",
}


def connection_findings(site: Site) -> Iterator[Finding]:
    """Yield a problem if the database cannot be reached."""
    if site.database_error:
        yield problem(
            "database-unreachable",
            f"The database {site.using!r} cannot be reached: {site.database_error}",
            "Start the database, or correct its entry in DATABASES.",
        )


def migration_findings(site: Site) -> Iterator[Finding]:
    """Yield a problem if migrations are not applied."""
    if site.unapplied:
        yield problem(
            "migrations-unapplied",
            f"Migrations are not applied: {', '.join(site.unapplied)}.",
            f"Run manage.py migrate --database {site.using}.",
        )


def clock_findings(site: Site) -> Iterator[Finding]:
    """Yield a problem if the clocks of this host and of the database differ."""
    if (query := _CLOCKS.get(site.connection.vendor)) is None:
        return  # SQLite runs on this host
    with site.connection.cursor() as cursor:
        before = time.time()
        cursor.execute(query)
        ((seconds,),) = cursor.fetchall()
        after = time.time()
    difference = float(seconds) - (before + after) / 2
    if abs(difference) > MAX_DIFFERENCE + (after - before) / 2:
        side = "ahead of" if difference > 0 else "behind"
        yield problem(
            "clock-differs",
            f"The clock of the database server is {abs(difference):.0f} s {side} the clock of "
            f"this host.",
            "Synchronise both clocks, such as with chrony or systemd-timesyncd.",
        )


def newest_event_findings(site: Site) -> Iterator[Finding]:
    """Yield a warning if the newest event is in the future."""
    newest = (
        Log.objects.using(site.using).order_by("-timestamp").values_list("timestamp", "action")[:1]
    )
    for timestamp, action in newest:
        if (ahead := aware(timestamp) - aware(timezone.now())) > MAX_AHEAD:
            yield warning(
                "event-in-future",
                f"The newest event ({action}) is {_shown(ahead)} in the future, so it stays at the "
                f"top of the list.",
                "Correct the clock of the host that logged it, or the dateof of your code.",
            )


def _shown(duration: timedelta) -> str:
    hours = duration / timedelta(hours=1)
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.0f} days"
