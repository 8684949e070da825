"""The check of the hourly counts of the overview."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone

from ..counts.backlog import find_backlog
from ..counts.verify import find_differing_hours
from .findings import Finding, warning
from .site import Site

# Not half a year as in the overview, because each busy day costs a query.
PERIOD = timedelta(days=31)
MAX_BACKLOG = 48  # hours that visits to the overview count themselves


def count_findings(site: Site) -> Iterator[Finding]:
    """Yield a warning if hours are not counted, or differ from their events."""
    waiting = find_backlog(timezone.now() - PERIOD, site.using).hours
    if len(waiting) > MAX_BACKLOG:
        yield warning(
            "counts-missing",
            f"{len(waiting)} past hours with events are not counted, or have changed since they "
            f"were counted, so the overview is incomplete.",
            "Run manage.py eventlog_count once, and then by a timer, such as hourly.",
        )
    if differing := find_differing_hours(site.using):
        yield warning(
            "counts-wrong",
            f"The counts of {len(differing)} hours differ from the events, such as "
            f"{min(differing):%Y-%m-%d %H}h: events were changed by SQL, or TIME_ZONE has changed.",
            "Run manage.py eventlog_count --verify.",
        )
