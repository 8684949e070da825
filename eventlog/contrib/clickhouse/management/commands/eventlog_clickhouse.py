"""``manage.py eventlog_clickhouse``: create, migrate and check the table in ClickHouse."""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from eventlog.contrib.clickhouse.configured_table import configured_table
from eventlog.contrib.clickhouse.table import ClickHouseTable, checked_name


class Command(BaseCommand):
    help = "Create, migrate or check the table of events in ClickHouse."

    def add_arguments(self, parser: ArgumentParser) -> None:
        subcommands = parser.add_subparsers(dest="subcommand", required=True)
        create = subcommands.add_parser("create", help="create the database and the table")
        create.add_argument(
            "--engine",
            default="MergeTree",
            help="MergeTree, or ReplicatedMergeTree with its arguments (MergeTree)",
        )
        migrate = subcommands.add_parser(
            "migrate", help="add columns and indexes of a later release to the table"
        )
        for each in (create, migrate):
            each.add_argument(
                "--cluster",
                default="",
                metavar="NAME",
                help="add ON CLUSTER NAME to the statements",
            )
            each.add_argument("--dry-run", action="store_true", help="print the statements only")
        subcommands.add_parser("check", help="report what is wrong with the server or the table")

    def handle(self, *args: Any, subcommand: str, **options: Any) -> None:
        try:
            if cluster := options.get("cluster"):
                checked_name("cluster", cluster)
            getattr(self, f"_{subcommand}")(configured_table(), options)
        except (ImproperlyConfigured, OperationalError, ValueError) as error:
            raise CommandError(str(error)) from error

    def _create(self, table: ClickHouseTable, options: dict[str, Any]) -> None:
        self._run(table, table.creation(options["engine"], options["cluster"]), options)
        if not options["dry_run"]:
            self.stdout.write(f"The table {table.name} exists.")

    def _migrate(self, table: ClickHouseTable, options: dict[str, Any]) -> None:
        statements = table.migrations(options["cluster"])
        self._run(table, statements, options)
        if not statements:
            self.stdout.write(f"The table {table.name} has all columns and indexes.")

    def _run(
        self, table: ClickHouseTable, statements: Sequence[str], options: dict[str, Any]
    ) -> None:
        for statement in statements:
            if options["dry_run"] or options["verbosity"] > 1:
                self.stdout.write(f"{statement};")
            if not options["dry_run"]:
                table.server.command(statement)

    def _check(self, table: ClickHouseTable, options: dict[str, Any]) -> None:
        ((version,),) = table.server.query("SELECT version()")
        self.stdout.write(f"ClickHouse {version} at {table.server.address}")
        if problems := [*table.problems()]:
            raise CommandError("\n".join(problems))
        self.stdout.write(f"The table {table.name} has no problems.")
