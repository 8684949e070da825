"""The checks of the targets of a running site, and what the inventory says about them."""

from collections.abc import Iterator
from pathlib import Path

from ...backends.spool.segment import WAITING
from ...conf import conf
from ...diagnostics.findings import Finding, problem, warning
from ...diagnostics.inventory import Entry, joined_names
from ...diagnostics.registry import Check
from ...diagnostics.site import Site
from .configured_targets import mask_secrets
from .forwarder import senders_of
from .queue import DIRECTORY
from .status import queue_facts, queue_problems

MAX_FAILURES = 2  # attempts in a row, which may be a short interruption


def blocked_target_findings(site: Site) -> Iterator[Finding]:
    """Yield the targets that do not get their events."""
    spool = _spool(site)
    for sender in senders_of(conf.forward, spool):
        facts = queue_facts(sender)
        if error := facts["last_error"]:
            make = problem if facts["failures"] > MAX_FAILURES else warning
            yield make(
                f"target-failing.{sender.name}",
                f"The target {sender.name!r} has not accepted events in the last attempts "
                f"({facts['failures']}): {error}",
                f"Correct the cause, and run 'manage.py eventlog_forward test {sender.name}'.",
            )
        for text in queue_problems(facts, site.options.max_age):
            yield problem(
                f"target-blocked.{sender.name}",
                f"The target {sender.name!r}: {text}",
                "See 'manage.py eventlog_forward status' and docs/forward.md.",
            )


def removed_target_findings(site: Site) -> Iterator[Finding]:
    """Yield the directories of targets that the settings do not have any more."""
    directory = _spool(site) / DIRECTORY
    # The directory of a target without waiting events is harmless.
    names = {path.parent.name for path in directory.glob(f"*/*{WAITING}")}
    for name in sorted(names - {*conf.forward}):
        yield warning(
            f"target-removed.{name}",
            f"EVENTLOG['FORWARD'] has no target {name!r}, but events wait in "
            f"{str(directory / name)!r}.",
            "Add the target again, or delete the directory.",
        )


def target_entries() -> Iterator[Entry]:
    """Yield the targets for the inventory, with masked secrets."""
    for name, raw in conf.forward.items():
        masked = mask_secrets(raw.get("OPTIONS", {}))
        options = joined_names(f"{key} {value}" for key, value in masked.items())
        search = raw.get("SEARCH") or "all events"
        yield Entry("stored", f"target {name}", f"{raw.get('TARGET')}: {options}; gets {search}")


def _spool(site: Site) -> Path:
    assert site.spooled is not None
    return site.spooled.spool.directory


CHECKS = (
    Check("targets", blocked_target_findings, "spool"),
    Check("removed targets", removed_target_findings, "spool"),
)
