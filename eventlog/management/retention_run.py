"""The run of the retention rules on a terminal: progress, counts, and its event."""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from eventlog import access
from eventlog.management.progress import progress_bar
from eventlog.management.terminal import events_in_words
from eventlog.models import Log
from eventlog.retention.compiled import CompiledPolicy
from eventlog.retention.event_store import DatabaseEventStore, EventStore, event_store
from eventlog.retention.policy import RetentionRule


def remark_about_earlier_backend(events: EventStore) -> str:
    """Return a remark about events that the database still has, if it is not the store of events.

    It is empty if there are none.
    """
    if isinstance(events, DatabaseEventStore) or not Log.objects.exists():
        return ""
    return (
        "The table eventlog_log of the database has events too, of an earlier backend. "
        "They are left out. Run the command again with this backend in the settings."
    )


def drop_old_months(
    before: datetime, events: EventStore, pruning: access.RecordedOperation
) -> None:
    """Drop the months whose events are all old, which takes less time than to delete them."""
    if events.has_months(before):
        pruning.start()
    for number in events.drop_months(before):
        pruning.count += number


class TerminalRetentionRun:
    """Carries out a run, and tells what it did."""

    def __init__(
        self, command: BaseCommand, compiled: CompiledPolicy, options: Mapping[str, Any]
    ) -> None:
        self._command, self._compiled, self._options = command, compiled, options
        self._events, self._now = event_store(), timezone.now()
        self._run = self._events.retention_run(compiled, self._now, recheck=options["recheck"])
        self._dropped = 0  # events in partitions that were dropped

    def count(self) -> None:
        """Print what the rules would do."""
        self._show(self._run.count(), "would be ")
        self._write(prefix="would be ")

    def apply(self, command: access.CommandRun) -> None:
        """Apply the rules, record this, and print what was done."""
        rules = [self._described(rule) for rule in self._compiled.policy.rules]
        holds = [*self._compiled.policy.holds]
        recorded = {"rules": rules, **({"hold": holds} if holds else {})}
        with access.RecordedOperation("prune", recorded, command=command) as pruning:
            try:
                self._drop_months(pruning)
                self._show(self._run.apply(self._options["batch"], pruning.start))
                self._drop_empty_months()
            finally:
                self._dropped = pruning.count
                pruning.count += self._run.deleted.total()
                pruning.outcome = self._outcome()
        self._write()

    def _drop_months(self, pruning: access.RecordedOperation) -> None:
        """Drop the partitions of which the rules keep nothing."""
        if (age := self._compiled.policy.keeps_nothing_after) is not None:
            drop_old_months(self._now - age, self._events, pruning)

    def _drop_empty_months(self) -> None:
        ages = [rule.keep for rule in self._compiled.policy.rules if rule.keep is not None]
        if ages:
            deque(self._events.drop_months(self._now - min(ages), only_empty=True), maxlen=0)

    def _show(self, steps: Iterator[bool], prefix: str = "") -> None:
        run, is_wanted = self._run, bool(self._options["verbosity"])
        with progress_bar(self._command.stderr, is_wanted=is_wanted) as show:
            for is_changed in steps:
                deleted, anonymized = run.deleted.total(), run.anonymized.total()
                text = f"{deleted:,} {prefix}deleted, {anonymized:,} {prefix}anonymized"
                show(run.progress, text)
                if is_changed:
                    time.sleep(self._options["pause"])

    def _described(self, rule: RetentionRule) -> dict[str, Any]:
        return {"rule": rule.number, **rule.conditions}

    def _outcome(self) -> dict[str, Any]:
        """Return the numbers of events for the event of the run, by rule."""
        run = self._run
        counts = {"deleted": run.deleted, "anonymized": run.anonymized, "held": run.held}
        outcome: dict[str, Any] = {
            "anonymized": run.anonymized.total(),
            "held": run.held.total(),
            "rules": [
                self._described(rule)
                | {name: count[rule.number] for name, count in counts.items() if count[rule.number]}
                for rule in self._compiled.policy.rules
            ],
        }
        if self._dropped:
            outcome["dropped"] = self._dropped
        if run.unclear:
            outcome["unclear"] = run.unclear
        if self._compiled.warnings:
            outcome["warnings"] = [*self._compiled.warnings]
        return outcome

    def _write(self, prefix: str = "") -> None:
        if not self._options["verbosity"]:
            return
        run, write = self._run, self._command.stdout.write
        for rule in self._compiled.policy.rules:
            parts = [
                f"{events_in_words(count[rule.number])} {done}"
                for count, done in (
                    (run.deleted, f"{prefix}deleted"),
                    (run.anonymized, f"{prefix}anonymized"),
                    (run.held, "under legal hold"),
                )
                if count[rule.number]
            ]
            if parts:
                write(f"{rule}: {', '.join(parts)}.")
        if self._dropped:
            write(f"{events_in_words(self._dropped)} dropped with their months.")
        if run.unclear:
            write(f"{events_in_words(run.unclear)} left as they are, see the warnings.")
        deleted = events_in_words(self._dropped + run.deleted.total())
        anonymized = events_in_words(run.anonymized.total())
        write(f"{deleted} {prefix}deleted, {anonymized} {prefix}anonymized.")
