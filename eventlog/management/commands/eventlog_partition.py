"""``manage.py eventlog_partition``: put the events of each month into a partition of its own."""

import re
from argparse import ArgumentTypeError
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections, router

from eventlog.management.arguments import positive_number
from eventlog.models import Log
from eventlog.partitions.catalog import EventTable, find_table, partitions_of, spans
from eventlog.partitions.conversion import Conversion
from eventlog.partitions.creation import (
    MONTHS_AHEAD,
    create_missing,
    creation_statements,
    missing_spans,
)
from eventlog.partitions.locks import LockWaits

MIN_MONTHS_AHEAD, MAX_MONTHS_AHEAD = 1, 24
CONSEQUENCES = (
    "The primary key in the database becomes (id, timestamp), because the key of a partitioned "
    "table includes the time. Django still uses id.",
    "Foreign keys from other models to Log become impossible.",
    "Dropping a month locks the tables that events refer to, for some milliseconds. Their readers "
    "and writers wait during this time.",
    "An index of your own is no longer built CONCURRENTLY in one step. See docs/partitions.md.",
    "Events of a month without a partition are rejected, so run this command daily from a timer.",
)


def month(text: str) -> datetime:
    """Parse a month such as ``2026-01``."""
    if not (match := re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text)) or int(match[1]) < 1:
        raise ArgumentTypeError(f"{text!r} is not a month; give one such as 2026-01")
    return datetime(int(match[1]), int(match[2]), 1, tzinfo=UTC)


def months_ahead(text: str) -> int:
    """Parse the number of months that are created ahead."""
    if not re.fullmatch(r"\d{1,2}", text) or not (
        MIN_MONTHS_AHEAD <= int(text) <= MAX_MONTHS_AHEAD
    ):
        raise ArgumentTypeError(
            f"{text!r} is not a number of months; give {MIN_MONTHS_AHEAD} to {MAX_MONTHS_AHEAD}"
        )
    return int(text)


class Command(BaseCommand):
    help = (
        "Partition the table of events by month, on PostgreSQL, and create the next months. "
        "Without --apply, only print the plan."
    )
    # The checks of the database report the missing month that this command creates.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--apply", action="store_true", help="do what the plan says")
        parser.add_argument(
            "--cancel", action="store_true", help="undo a conversion that was not finished"
        )
        parser.add_argument(
            "--months-ahead",
            type=months_ahead,
            default=MONTHS_AHEAD,
            metavar="NUMBER",
            help=f"months to create after the current one ({MONTHS_AHEAD})",
        )
        parser.add_argument(
            "--from",
            dest="since",
            type=month,
            metavar="MONTH",
            help="also create the missing months from this one on, such as 2026-01; in a "
            "conversion, begin the first partition with this month (without --from, the first "
            "partition takes all earlier events)",
        )
        parser.add_argument(
            "--lock-timeout",
            type=positive_number,
            default=LockWaits().timeout_ms,
            metavar="MS",
            help="milliseconds to wait for each lock before the step releases its locks and is "
            f"tried again ({LockWaits().timeout_ms})",
        )

        parser.add_argument(
            "--attempts",
            type=positive_number,
            default=LockWaits().attempts,
            metavar="NUMBER",
            help=f"attempts to get the locks of a step ({LockWaits().attempts})",
        )

    def handle(self, **options: Any) -> None:
        connection = connections[router.db_for_write(Log)]
        if connection.vendor != "postgresql":
            raise CommandError(
                f"The events are in a database of the kind {connection.vendor!r}. Only PostgreSQL "
                f"has the partitions that this command creates."
            )
        table = find_table(connection)
        if table is None:
            raise CommandError("The table of events does not exist. Run manage.py migrate first.")
        if table.key is not None and not table.is_by_time:
            raise CommandError(f"The table is partitioned by {table.key}, not by time.")
        if table.is_by_time:
            self._maintain(connection, table, options)
        else:
            self._convert(connection, table, options)

    def _maintain(self, connection: Any, table: EventTable, options: dict[str, Any]) -> None:
        waits = LockWaits(options["lock_timeout"], options["attempts"])
        ahead, since = options["months_ahead"], options["since"]
        if options["apply"]:
            created = create_missing(connection, ahead, since, waits)
            if created:
                with connection.cursor() as cursor:
                    # Autovacuum does not collect statistics of the partitioned table.
                    cursor.execute(f"ANALYZE {table}")
            names = [f"{each.lower:%Y-%m}" for each in created]
            self._say(options, f"Created: {', '.join(names)}." if names else "No month is missing.")
            return
        partitions = partitions_of(connection, table)
        missing = missing_spans(spans(partitions), ahead, since)
        self.stdout.write(f"{table.name} has {len(partitions)} partitions.")
        for span in missing:
            self.stdout.write("\n".join(f"{line};" for line in creation_statements(table, span)))
        if missing:
            self.stdout.write("Nothing was changed. Add --apply to create these months.")
        else:
            self.stdout.write("No month is missing.")

    def _convert(self, connection: Any, table: EventTable, options: dict[str, Any]) -> None:
        conversion = Conversion(
            connection,
            table,
            months_ahead=options["months_ahead"],
            since=options["since"],
            waits=LockWaits(options["lock_timeout"], options["attempts"]),
        )
        if options["cancel"]:
            conversion.cancel()
            self._say(options, "Events are no longer restricted to the first partition.")
            return
        if not options["apply"]:
            self.stdout.write("\n".join(_plan(conversion)))
        if obstacles := [*conversion.obstacles()]:
            raise CommandError("\n".join(["The table cannot be partitioned:", *obstacles]))
        if not options["apply"]:
            self.stdout.write("Nothing was changed. Add --apply to carry the plan out.")
            return
        try:
            for step in conversion.steps():
                self._say(options, step.title)
                step.run()
        except BaseException:
            # Later events than the first partition takes must not be rejected for good.
            conversion.cancel()
            raise
        self._say(options, "Done. Run this command with --apply daily, from a timer.")

    def _say(self, options: dict[str, Any], text: str) -> None:
        if options["verbosity"]:
            self.stdout.write(text)


def _plan(conversion: Conversion) -> Iterator[str]:
    facts = conversion.facts
    yield (
        f"{conversion.table.name} has about {facts.rows:,} events "
        f"({facts.size / 2**20:,.0f} MiB without indexes)."
    )
    yield from ("", "What changes", *(f"- {each}" for each in CONSEQUENCES), "", "Steps")
    for number, step in enumerate(conversion.steps(), 1):
        yield f"{number}. {step.title}."
        yield f"   Reason: {step.reason}"
        yield f"   Locks: {step.locks}"
        yield from (f"   {statement};" for statement in step.statements)
    first = [*filter(None, [conversion.lower, conversion.upper])]
    yield (
        f"\nThe first partition, {conversion.first_name}, has all events "
        f"{'from' if len(first) == 2 else 'before'} "
        f"{' to '.join(f'{each:%Y-%m-%d}' for each in first)}."
    )
