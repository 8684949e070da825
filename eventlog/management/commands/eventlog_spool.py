"""``manage.py eventlog_spool``: inspect and deliver the spool of this machine."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Sum

from eventlog import access
from eventlog.backends import destinations, get_backend
from eventlog.backends.buffered import BufferedBackend
from eventlog.backends.losses import DROPPED
from eventlog.backends.spool import Status
from eventlog.backends.spool.directory import is_writable_or_creatable
from eventlog.diagnostics import spool_findings
from eventlog.management.arguments import seconds
from eventlog.models import DeliveredBatch, Log

DELIVER_TIMEOUT = 60.0  # seconds for the events that other processes are writing


class Command(BaseCommand):
    help = "Show and deliver the spool of this machine, and handle dead letters."

    def add_arguments(self, parser: ArgumentParser) -> None:
        subcommands = parser.add_subparsers(dest="subcommand", required=True)
        status = subcommands.add_parser(
            "status", help="show the numbers of pending, delivered, dead and dropped events"
        )
        status.add_argument("--json", action="store_true", help="print one JSON object")
        status.add_argument(
            "--max-age",
            type=seconds,
            metavar="SECONDS",
            help="a health check: fail if an event has waited longer than this, if there are dead "
            "letters, if a file cannot be read, or if the spool is not writable",
        )
        deliver = subcommands.add_parser("deliver", help="write the pending events now")
        deliver.add_argument(
            "--timeout",
            type=seconds,
            metavar="SECONDS",
            help="maximum seconds to wait for the delivery",
        )
        subcommands.add_parser("dead", help="list the dead letters with their reasons")
        subcommands.add_parser("retry", help="move the dead letters back, and deliver them")
        reassign = subcommands.add_parser(
            "reassign",
            help="assign the events that wait for a database to the current database, after the "
            "database was renamed or moved to another host",
        )
        reassign.add_argument("destination", help="the name that 'status' prints")

    def handle(self, *args: Any, subcommand: str, **options: Any) -> None:
        backend = get_backend()
        if not isinstance(backend, BufferedBackend):
            raise CommandError(
                f"{type(backend).__name__} does not have a spool. Set EVENTLOG['BACKEND'] to "
                f"BufferedBackend, CeleryBackend, TasksBackend or ClickHouseBackend."
            )
        getattr(self, f"_{subcommand}")(backend, options)

    def _status(self, backend: BufferedBackend, options: dict[str, Any]) -> None:
        status = backend.status()
        facts = {
            "spool": str(backend.spool.directory),
            "pending": status.events,
            "bytes": status.bytes,
            "oldest_seconds": _rounded(status.oldest_seconds),
            "in_flight": status.in_flight,
            "in_flight_seconds": _rounded(status.in_flight_seconds),
            "dead_letters": status.dead_letters,
            "unreadable": status.unreadable,
            "destinations": status.destinations,
            "delivered_in_30_days": DeliveredBatch.objects.aggregate(all=Sum("count"))["all"] or 0,
            "dropped": sum(
                extra.get("count", 0)
                for extra in Log.objects.action(DROPPED).values_list("extra", flat=True)
            ),
        }
        problems = list(_problems(status, options["max_age"], backend))
        if options["json"]:
            self.stdout.write(json.dumps(facts))
        else:
            for name, fact in facts.items():
                self.stdout.write(f"{name.replace('_', ' '):22}{_shown(fact)}")
        for warning in _warnings(status, backend):
            self.stderr.write(self.style.WARNING(warning))
        is_check = options["max_age"] is not None or not is_writable_or_creatable(
            backend.spool.directory
        )
        if is_check and problems:
            raise CommandError(" ".join(problems))

    def _deliver(self, backend: BufferedBackend, options: dict[str, Any]) -> None:
        before, in_test_runs = _split_by_test_run(backend.status())
        timeout = options.get("timeout")
        # Without a timeout, deliver everything that can be delivered, even if that takes long.
        complete = timeout is not None or backend.flush()
        complete = complete and backend.wait_until_delivered(
            DELIVER_TIMEOUT if timeout is None else timeout, in_flight=False
        )
        status = backend.status()
        left, left_in_test_runs = _split_by_test_run(status)
        self.stdout.write(f"{_events(max(0, before - left))} delivered, {left} left.")
        if (discarded := in_test_runs - left_in_test_runs) > 0:
            self.stdout.write(f"{_events(discarded)} of test runs discarded.")
        if not complete or status.unreadable:
            reasons = [*_warnings(status, backend), "See the log of the logger 'eventlog'."]
            raise CommandError(" ".join(["Some events were not delivered.", *reasons]))

    def _dead(self, backend: BufferedBackend, options: dict[str, Any]) -> None:
        for line, reason in backend.spool.dead_letters.read():
            self.stdout.write(f"{reason}\n  {line}")

    def _retry(self, backend: BufferedBackend, options: dict[str, Any]) -> None:
        count = backend.spool.dead_letters.retry()
        self.stdout.write(f"{_events(count)} moved back.")
        if count and access.is_enabled("retry"):
            facts = {"count": count}
            run = access.CommandRun("eventlog_spool")
            access.record(access.ACTIONS["retry"], extra=facts, command=run)
        self._deliver(backend, options)

    def _reassign(self, backend: BufferedBackend, options: dict[str, Any]) -> None:
        old = options["destination"]
        if old not in backend.status().destinations:
            known = ", ".join(backend.status().destinations) or "no destination"
            raise CommandError(f"No events wait for {old!r}. Events wait for: {known}.")
        if destinations.is_of_other_test_run(old):
            raise CommandError(
                f"{old!r} is the database of a test run. Its events are discarded when the test "
                f"run has ended."
            )
        if destinations.find(old) is not None:
            raise CommandError(f"{old!r} is in DATABASES, so its events are delivered there.")
        new = backend.current_destination()
        count = backend.spool.reassign(old, new)
        self.stdout.write(f"{count} {'file' if count == 1 else 'files'} assigned to {new}.")


def _problems(status: Status, max_age: float | None, backend: BufferedBackend) -> Iterator[str]:
    """Yield the reasons for which the health check fails."""
    found = [] if max_age is None else [*spool_findings.age_findings(status, max_age)]
    yield from map(str, [*found, *spool_findings.dead_letter_findings(status)])
    yield from _warnings(status, backend)


def _warnings(status: Status, backend: BufferedBackend) -> Iterator[str]:
    yield from map(str, spool_findings.unwritable_findings(backend))
    yield from map(str, spool_findings.unreadable_findings(backend, status))
    yield from map(str, spool_findings.undeliverable_findings(status))
    yield from map(str, spool_findings.overdue_findings(backend))


def _split_by_test_run(status: Status) -> tuple[int, int]:
    """Return the numbers of events of the site, and of test runs of other processes."""
    in_test_runs = sum(
        count
        for destination, count in status.destinations.items()
        if destinations.is_of_other_test_run(destination)
    )
    return status.events - in_test_runs, in_test_runs


def _events(count: int) -> str:
    return f"{count} event" if count == 1 else f"{count} events"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _shown(fact: Any) -> str:
    if isinstance(fact, dict):
        return ", ".join(f"{name} ({count})" for name, count in fact.items()) or "-"
    if isinstance(fact, list):
        return ", ".join(fact) or "-"
    return "-" if fact is None else str(fact)
