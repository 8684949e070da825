"""The checks of a running site, and a run of all of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, NamedTuple

from django.apps import apps
from django.db import transaction
from django.utils.module_loading import import_string

from . import counts, database, indexes, proxies, queues, retention, rule_paths, settings, spool
from .findings import Finding, Level, problem
from .site import Need, Site

# An attribute of an app's configuration: the dotted path of a list of checks.
APP_ATTRIBUTE = "eventlog_checks"
DATABASE = ("database", "tables")  # what a check with queries needs


class Check(NamedTuple):
    """A check that ``eventlog_doctor`` runs: ``Check(name, run, needs="settings")``.

    ``run`` is a function that gets a ``Site`` and yields findings. ``needs`` says what has to work
    before it can run: ``"nothing"``, ``"settings"``, ``"spool"``, ``"database"`` or ``"tables"``.
    Otherwise the command lists the check under "Not checked".
    """

    name: str
    run: Callable[[Site], Iterable[Finding]]
    needs: Need = "settings"


class CheckResult(NamedTuple):
    """The outcome of a check."""

    check: str
    findings: Sequence[Finding] = ()
    skipped: str = ""
    """The reason for which the check did not run."""


CHECKS = (
    Check("system checks", settings.system_check_findings, "nothing"),
    Check("recording", settings.recording_findings),
    Check("error log", settings.error_log_findings),
    Check("paths of rules", rule_paths.rule_path_findings),
    Check("trusted proxies", proxies.trusted_proxy_findings),
    Check("address of the next request", proxies.next_address_findings),
    Check("database", database.connection_findings),
    Check("migrations", database.migration_findings, "database"),
    Check("clocks", database.clock_findings, "database"),
    Check("indexes", indexes.index_findings, "tables"),
    Check("newest event", database.newest_event_findings, "tables"),
    Check("recorded addresses", proxies.recorded_address_findings, "tables"),
    Check("counts", counts.count_findings, "tables"),
    Check("retention", retention.retention_findings, "tables"),
    Check("spool directory", spool.directory_findings, "spool"),
    Check("spool content", spool.content_findings, "spool"),
    Check("lost events", spool.lost_event_findings, "tables"),
    Check("task queue", queues.worker_findings, "spool"),
    Check("overdue batches", queues.overdue_batch_findings, "tables"),
)


def diagnose(site: Site, ignored: Sequence[str] = ()) -> Iterator[CheckResult]:
    """Run each check; yield its findings without those whose ids match a glob of ``ignored``."""
    has_wrong_settings = False
    for check in all_checks():
        result = _result(check, site, has_wrong_settings)
        if check.run is settings.system_check_findings:
            has_wrong_settings = any(each.level == "problem" for each in result.findings)
        kept = [each for each in result.findings if not _is_ignored(each, ignored)]
        yield result._replace(findings=kept)


def all_checks() -> Iterator[Check]:
    """Yield the checks of eventlog, and the checks of installed apps."""
    yield from CHECKS
    for config in apps.get_app_configs():
        if path := getattr(config, APP_ATTRIBUTE, None):
            try:
                yield from import_string(path)
            except Exception as error:  # noqa: BLE001 (the module of an app may raise any)
                yield Check(path, partial(_raise, error), "nothing")


def _result(check: Check, site: Site, has_wrong_settings: bool) -> CheckResult:
    findings: list[Finding] = []
    try:
        if reason := site.lacks(check.needs):
            return CheckResult(check.name, skipped=reason)
        with _savepoint(site) if check.needs in DATABASE else nullcontext():
            findings.extend(check.run(site))
    except Exception as error:  # noqa: BLE001 (a check meets what is broken on the site)
        if has_wrong_settings:  # which probably caused the error
            return CheckResult(check.name, findings, "the settings have errors")
        findings.append(
            problem(
                "check-failed",
                f"The check {check.name!r} failed: {type(error).__name__}: {error}",
                "Remove the cause of the error. If it seems to be a mistake of eventlog, report "
                "it.",
            )
        )
    return CheckResult(check.name, findings)


def _is_ignored(finding: Finding, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(finding.id, glob) for glob in globs)


def _savepoint(site: Site) -> AbstractContextManager[Any]:
    """Return a savepoint inside a transaction, because an error may abort the transaction."""
    # Outside of one, a transaction would lock a database of SQLite whose mode is IMMEDIATE.
    is_inside = site.connection.in_atomic_block
    return transaction.atomic(using=site.using) if is_inside else nullcontext()


def _raise(error: Exception, site: Site) -> Iterator[Finding]:
    raise error


def worst(results: Iterable[CheckResult]) -> Level:
    """Return the level of the worst finding, ``info`` if there is none."""
    levels = {finding.level for result in results for finding in result.findings}
    return "problem" if "problem" in levels else "warning" if "warning" in levels else "info"
