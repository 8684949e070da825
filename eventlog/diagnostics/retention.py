"""The check that the rules in ``EVENTLOG["RETENTION"]`` are applied."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils import timezone

from .. import access
from ..conf import Misconfigured
from ..datetimes import aware
from ..models import Log
from ..retention.ages import age_text
from ..retention.compiled import UnusableSearch, compile_policy
from ..retention.policy import current_policy
from .findings import Finding, info, problem, warning
from .site import Site

MIN_PERIOD = timedelta(days=2)  # between two runs, even if a rule has a shorter age
MAX_READ_RUNS = 50  # newest runs of eventlog_prune, with and without an age


def retention_findings(site: Site) -> Iterator[Finding]:
    """Yield a problem if the rules are not applied, or cannot be."""
    try:
        policy = current_policy()
        compiled = compile_policy(policy)
    except Misconfigured:  # which a system check reports
        return
    except UnusableSearch as error:
        yield problem(
            "retention-search-invalid",
            f"{error} The rules in EVENTLOG['RETENTION'] cannot be applied.",
            "Correct the search.",
        )
        return
    for text in compiled.warnings:
        yield warning(
            "retention-unclear",
            f"EVENTLOG['RETENTION'], {text}",
            "Name the account by a username that its events hold, or remove the condition.",
        )
    ages = [age for rule in policy.rules for age in rule.ages]
    if not ages:
        return
    period = max(min(ages), MIN_PERIOD)
    if not access.is_enabled("prune"):
        yield info(
            "retention-unknown",
            "Whether the rules in EVENTLOG['RETENTION'] are applied is unknown, because "
            "EVENTLOG['ACCESS']['prune'] is False.",
        )
    elif _has_older_events(site, period) and not _was_applied(site, timezone.now() - period):
        yield problem(
            "retention-not-applied",
            f"The rules in EVENTLOG['RETENTION'] have an age of {age_text(min(ages))}, but no "
            f"complete run of eventlog_prune was recorded in the last {age_text(period)}.",
            "Run manage.py eventlog_prune daily by a timer, see docs/deploy.md.",
        )


def last_run(using: str) -> datetime | None:
    """Return the time of the last complete run of the rules."""
    runs = Log.objects.using(using).action(access.ACTIONS["prune"]).order_by("-timestamp")
    for timestamp, extra in runs.values_list("timestamp", "extra")[:MAX_READ_RUNS]:
        # A run with an age has no rules.
        if isinstance(extra, dict) and "rules" in extra and extra.get("complete"):
            return aware(timestamp)
    return None


def _was_applied(site: Site, since: datetime) -> bool:
    found = last_run(site.using)
    return found is not None and found >= aware(since)


def _has_older_events(site: Site, period: timedelta) -> bool:
    """Return whether there is an event that the rules should have reached."""
    # The oldest event instead of exists(), for which PostgreSQL may read the table without index.
    events = Log.objects.using(site.using).order_by("timestamp")
    oldest = events.values_list("timestamp", flat=True).first()
    return oldest is not None and aware(oldest) < aware(timezone.now()) - period - MIN_PERIOD
