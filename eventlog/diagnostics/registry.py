"""The checks of a running site, and a run of all of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from django.apps import apps
from django.db import transaction
from django.utils.module_loading import import_string

from . import counts, database, indexes, proxies, queues, retention, settings, spool, urls
from .findings import Finding, Level, problem
from .site import Need, Site

# An attribute of an app's configuration: the dotted path of a list of checks.
APP_ATTRIBUTE = "eventlog_checks"


class Check(NamedTuple):
    """A function that yields findings, and what it needs to run."""

    name: str
    run: Callable[[Site], Iterable[Finding]]
    needs: Need = "settings"


class Result(NamedTuple):
    """The outcome of a check."""

    check: str
    findings: Sequence[Finding] = ()
    skipped: str = ""
    """The reason for which the check did not run."""


CHECKS = (
    Check("system checks", settings.system_checks, "nothing"),
    Check("recording", settings.recording),
    Check("error log", settings.error_log),
    Check("paths of rules", urls.paths_of_rules),
    Check("trusted proxies", proxies.trusted),
    Check("address of the next request", proxies.next_request),
    Check("database", database.connection),
    Check("migrations", database.migrations, "database"),
    Check("clocks", database.clocks, "database"),
    Check("indexes", indexes.present_and_valid, "tables"),
    Check("newest event", database.newest_event, "tables"),
    Check("recorded addresses", proxies.recorded, "tables"),
    Check("counts", counts.counted_hours, "tables"),
    Check("retention", retention.applied, "tables"),
    Check("spool directory", spool.directory, "spool"),
    Check("spool content", spool.content, "spool"),
    Check("lost events", spool.lost_events, "tables"),
    Check("task queue", queues.workers, "spool"),
    Check("overdue batches", queues.written_in_time, "tables"),
)


def diagnose(site: Site, ignored: Sequence[str] = ()) -> Iterator[Result]:
    """Run each check; yield its findings without those whose ids match a glob of ``ignored``."""
    for check in all_checks():
        if reason := site.lacks(check.needs):
            yield Result(check.name, skipped=reason)
            continue
        kept = [
            finding
            for finding in _findings(check, site)
            if not any(fnmatchcase(finding.id, glob) for glob in ignored)
        ]
        yield Result(check.name, kept)


def all_checks() -> Iterator[Check]:
    """Yield the checks of eventlog, and those of installed apps that have some."""
    yield from CHECKS
    for config in apps.get_app_configs():
        if path := getattr(config, APP_ATTRIBUTE, None):
            yield from import_string(path)


def _findings(check: Check, site: Site) -> Iterator[Finding]:
    try:
        with _transaction(check, site):
            yield from check.run(site)
    except Exception as error:  # noqa: BLE001 (a check meets what is broken on the site)
        yield problem(
            "check-failed",
            f"The check {check.name!r} failed: {type(error).__name__}: {error}",
            "Remove the cause of the error. If it seems to be a mistake of eventlog, report it.",
        )


def _transaction(check: Check, site: Site) -> AbstractContextManager[Any]:
    """Return a transaction, so that a failed query does not affect the next check."""
    uses_database = check.needs in ("database", "tables")
    return transaction.atomic(using=site.using) if uses_database else nullcontext()


def worst(results: Iterable[Result]) -> Level:
    """Return the level of the worst finding, ``info`` if there is none."""
    levels = {finding.level for result in results for finding in result.findings}
    return "problem" if "problem" in levels else "warning" if "warning" in levels else "info"
