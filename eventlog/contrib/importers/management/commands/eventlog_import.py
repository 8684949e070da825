"""``manage.py eventlog_import``: turn the tables of other packages into events."""

import time
from argparse import ArgumentTypeError
from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections, router
from django.utils.dateparse import parse_date, parse_datetime

from eventlog import access
from eventlog.conf import conf
from eventlog.contrib.importers.importing import AlreadyMovedError, TableImport
from eventlog.contrib.importers.models import ImportedTable
from eventlog.contrib.importers.positions import forget_position, stored_state
from eventlog.contrib.importers.progress import progress
from eventlog.contrib.importers.registry import SOURCES, Source
from eventlog.contrib.importers.report import listing, number_with_noun, summary
from eventlog.contrib.importers.table import ConversionContext, SourceTable
from eventlog.contrib.importers.users import STATES
from eventlog.contrib.importers.writing import NoPartitionError
from eventlog.datetimes import aware, to_db_timezone, to_utc
from eventlog.management.operator_arguments import add_operator_arguments, run_from_options
from eventlog.models import Log


def moment(text: str) -> datetime:
    """Parse a date or a time."""
    try:
        found = parse_datetime(text)
        if found is None and (day := parse_date(text)) is not None:
            found = datetime(day.year, day.month, day.day)
        if found is not None:
            to_utc(found)  # raises OverflowError at the ends of the calendar
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise ArgumentTypeError(f"{text!r} is not a date; give one such as 2024-12-31")
    return aware(found) if settings.USE_TZ else to_db_timezone(found)


def size(text: str) -> int:
    """Parse a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number of rows; give 1 or more")
    return int(text)


class Command(BaseCommand):
    help = (
        "Turn the rows of another package into events. Without arguments, list the packages. A run "
        "that was interrupted continues where it stopped, and each row becomes an event once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", nargs="?", help=f"one of: {', '.join(SOURCES)}")
        parser.add_argument(
            "--table",
            action="append",
            metavar="NAME",
            help="only this table, such as easyaudit.LoginEvent; can be repeated",
        )
        parser.add_argument("--database", metavar="ALIAS", help="the database of the tables")
        parser.add_argument(
            "--since",
            type=moment,
            metavar="DATE",
            help="leave out the rows before this date, such as 2024-12-31",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="convert all rows, and only print the numbers"
        )
        parser.add_argument(
            "--final",
            action="store_true",
            help="also import the rows of the last minute; nothing may write to the tables now",
        )
        parser.add_argument(
            "--no-user",
            choices=STATES,
            default="unknown",
            help="the state of the user if a row names no user (unknown)",
        )
        parser.add_argument(
            "--no-bodies", action="store_true", help="leave out bodies of requests and responses"
        )
        parser.add_argument(
            "--batch", type=size, default=1000, help="maximum rows in a transaction (1000)"
        )
        parser.add_argument(
            "--restart",
            action="store_true",
            help="begin with the first row again; delete the imported events before",
        )
        add_operator_arguments(parser)

    def handle(self, *args: Any, source: str | None, **options: Any) -> None:
        using = router.db_for_write(Log)
        _require_table(using)
        if source is None:
            for line in listing(using):
                self.stdout.write(line)
            return
        chosen = _source(source)
        if not conf.enabled:
            raise CommandError("EVENTLOG['ENABLED'] is False, so no events are recorded.")
        tables = _tables(chosen, options["database"], options["table"])
        if options["restart"]:
            for table in tables:
                forget_position(table, using)
        for table in tables:
            _check_since(table, using, options["since"])
        if options["dry_run"]:
            for table in tables:
                self._import(table, using, options)
            return
        conditions = {"source": source, "tables": [table.name for table in tables]}
        with access.RecordedOperation(
            "import", conditions, command=run_from_options("eventlog_import", options)
        ) as operation:
            for table in tables:
                self._import(table, using, options, operation)
        if operation.count and options["verbosity"]:
            self.stdout.write("Run manage.py eventlog_count to update the numbers of the overview.")

    def _import(
        self,
        table: SourceTable,
        using: str,
        options: dict[str, Any],
        operation: access.RecordedOperation | None = None,
    ) -> None:
        context = ConversionContext(
            table.using, no_user=options["no_user"], bodies=not options["no_bodies"]
        )
        run = TableImport(table, context, using, options["batch"])
        is_dry, quiet = operation is None, not options["verbosity"]
        if not is_dry:
            run.begin(options["since"])
        since = options["since"] if run.is_new else run.state.since
        rows = run.choose(since, final=options["final"])
        total = 0 if quiet else run.remaining(rows)
        done = events = 0
        started = time.monotonic()
        try:
            with progress(table.name, total, self.stderr, quiet=quiet) as advance:
                for step in run.run(rows, operation.start if operation else None):
                    done += step.rows
                    events += step.events
                    if operation is not None:
                        operation.count += step.events
                    advance(step.rows)
        except AlreadyMovedError as error:
            raise CommandError(
                f"{table.name}: another process imports this table. Wait until it has ended."
            ) from error
        except NoPartitionError as error:
            raise CommandError(
                f"{table.name}: the table of events has no partition for {error}. Run manage.py "
                f"eventlog_partition --apply --from {error}, and then this command again."
            ) from error
        finally:
            if not quiet:
                seconds = time.monotonic() - started
                for line in summary(run, done, events, seconds, is_dry=is_dry):
                    self.stdout.write(line)
        left = 0 if quiet or is_dry else run.remaining(run.choose(since, final=True))
        if left:
            self.stdout.write(
                f"  {number_with_noun(left, 'row')} of the last minute left for the next run. "
                "Give --final if nothing writes to the table any more."
            )


def _require_table(using: str) -> None:
    connection = connections[using]
    with connection.cursor() as cursor:
        if ImportedTable._meta.db_table in connection.introspection.table_names(cursor):
            return
    raise CommandError(
        f"The database {using!r}, which has the events, lacks the table "
        f"{ImportedTable._meta.db_table}. Run manage.py migrate eventlog_importers --database "
        f"{using}. A database router must treat eventlog_importers like eventlog."
    )


def _source(name: str) -> Source:
    if name in SOURCES:
        return SOURCES[name]
    near = get_close_matches(name, SOURCES, 1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Use one of: {', '.join(SOURCES)}."
    raise CommandError(f"Unknown source {name!r}. {hint}")


def _tables(source: Source, database: str | None, names: Sequence[str] | None) -> list[SourceTable]:
    if database is not None and database not in connections:
        raise CommandError(f"Unknown database {database!r}. Use one of: {', '.join(connections)}.")
    every = list(source.tables(database))
    known = {table.name: table for table in every}
    for name in names or ():
        if name not in known:
            near = ", ".join(known) or "none"
            raise CommandError(f"Unknown table {name!r} of {source.package}. Use one of: {near}.")
    wanted = [known[name] for name in dict.fromkeys(names or known)]
    found = [table for table in wanted if table.exists()]
    if not found:
        looked_for = ", ".join(f"{t.model._meta.db_table} in {t.using!r}" for t in wanted)
        raise CommandError(
            f"No table of {source.package} was found"
            f"{f' (looked for {looked_for})' if looked_for else ''}. {source.missing}"
        )
    return found


def _check_since(table: SourceTable, using: str, since: datetime | None) -> None:
    state = stored_state(table, using)
    if state is None or since is None or since == state.since:
        return
    began = f"--since {state.since.isoformat()}" if state.since else "all rows"
    raise CommandError(
        f"The import of {state.name} began with {began}, so a later run cannot change this. Leave "
        f"out --since. To import the table again, delete its events and give --restart."
    )
