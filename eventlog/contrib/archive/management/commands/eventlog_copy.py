"""``manage.py eventlog_copy``: copy events to another store, or compare two stores."""

import re
from argparse import ArgumentTypeError
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from eventlog import access
from eventlog.contrib.archive.copy_store import StoreError
from eventlog.contrib.archive.copying import Copy, Difference
from eventlog.contrib.archive.open_stores import (
    PARQUET,
    STORES,
    default_source,
    open_source,
    open_store,
    store_of_site,
)
from eventlog.contrib.importers.progress import progress
from eventlog.datetimes import EARLIEST, aware
from eventlog.management.operator_arguments import add_operator_arguments, run_from_options
from eventlog.partitions.months import month_of, months_later

MAX_LISTED_HOURS = 20


def moment(text: str) -> datetime:
    """Parse a date or a time, and return the start of its hour in UTC."""
    try:
        found = parse_datetime(text)
        if found is None and (day := parse_date(text)) is not None:
            found = datetime(day.year, day.month, day.day)
        when = None if found is None else _hour(aware(found))
    except (ValueError, OverflowError):
        when = None
    if when is None:
        raise ArgumentTypeError(f"{text!r} is not a date; give one such as 2026-03-31")
    return max(when, EARLIEST)


def month(text: str) -> datetime:
    """Parse a month, and return its start in UTC."""
    is_month = re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text)
    if not is_month or not "0002" <= text < "9999-12":  # with a month that follows
        raise ArgumentTypeError(f"{text!r} is not a month; give one such as 2026-03")
    year, number = map(int, text.split("-"))
    return datetime(year, number, 1, tzinfo=UTC)


def number_with_noun(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"


def _hour(when: datetime) -> datetime:
    return when.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


class Command(BaseCommand):
    help = (
        "Copy events to another store: the database, ClickHouse, or an archive of Parquet files. "
        "The current hour is left out. Each copied hour is compared with its source. Each event is "
        "copied once, so a run that was interrupted can be repeated. Months and printed hours are "
        "in UTC. A date without an offset is in the time zone of the site."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--to",
            choices=STORES,
            help="the store to copy to (with --from parquet: the store of the site)",
        )
        parser.add_argument(
            "--from",
            dest="source",
            choices=STORES,
            help="the store to copy from (with --to parquet: the store of the site; with --to "
            "clickhouse: database; with --to database: clickhouse)",
        )
        parser.add_argument("--archive", metavar="DIR", help="the directory of the Parquet files")
        parser.add_argument(
            "--month", type=month, metavar="MONTH", help="only the events of a month: 2026-03"
        )
        parser.add_argument(
            "--since", type=moment, metavar="DATE", help="only events from this hour on"
        )
        parser.add_argument(
            "--until",
            type=moment,
            metavar="DATE",
            help="only events before this hour (the current hour, or the current month if --to is "
            "parquet)",
        )
        mode = parser.add_mutually_exclusive_group()
        mode.add_argument(
            "--verify",
            action="store_true",
            help="copy nothing, and name the hours whose events differ between the stores",
        )
        mode.add_argument(
            "--dry-run", action="store_true", help="copy nothing, and print the numbers of events"
        )
        parser.add_argument(
            "--all-hours",
            action="store_true",
            help="do not skip hours with the same number of events in both stores",
        )
        add_operator_arguments(parser)

    def handle(self, **options: Any) -> None:
        names = _stores(options)
        start, end = _span(options, names[1])
        try:
            target = open_store(names[1], options["archive"])
            try:
                source = open_source(names[0], options["archive"])
                copy = Copy(source, target, start, end, recheck=options["all_hours"])
                if options["dry_run"]:
                    self._print_plan(copy, names)
                elif options["verify"]:
                    self._verify(copy, names, options)
                else:
                    self._copy(copy, names, options)
            finally:
                target.close()
        except (ImproperlyConfigured, OperationalError, StoreError, OSError) as error:
            raise CommandError(str(error)) from error

    def _print_plan(self, copy: Copy, names: tuple[str, str]) -> None:
        for start, hours in copy.months():
            pending = copy.pending(hours)
            total = sum(copy.hours[hour] for hour in hours)
            waiting = sum(copy.hours[hour] for hour in pending)
            self.stdout.write(
                f"{start:%Y-%m}: {number_with_noun(total, 'event')} in the source, {waiting:,} in "
                f"{number_with_noun(len(pending), 'hour')} that would be copied"
            )
        self.stdout.write(f"{number_with_noun(copy.total, 'event')} from {names[0]} to {names[1]}")

    def _verify(self, copy: Copy, names: tuple[str, str], options: dict[str, Any]) -> None:
        with self._progress(copy, options) as advance:
            found = [*copy.differences(advance)]
        if found:
            raise CommandError(
                f"{names[0]} and {names[1]} differ in {number_with_noun(len(found), 'hour')}:\n"
                + "\n".join(_listed(found, names))
            )
        self.stdout.write(
            f"{names[0]} and {names[1]} have the same {number_with_noun(copy.total, 'event')} in "
            f"{number_with_noun(len(copy.hours), 'hour')}."
        )

    def _copy(self, copy: Copy, names: tuple[str, str], options: dict[str, Any]) -> None:
        conditions = {
            "from": names[0],
            "to": names[1],
            "until": copy.end.isoformat(),
            **({"since": copy.start.isoformat()} if copy.start > EARLIEST else {}),
        }
        unequal: list[Difference] = []
        with (
            access.RecordedOperation(
                "export" if names[1] == PARQUET else "import",
                conditions,
                command=run_from_options("eventlog_copy", options),
            ) as operation,
            self._progress(copy, options) as advance,
        ):
            operation.start()
            for start, hours in copy.months():
                done = copy.copy(hours, advance)
                operation.count += done.added
                unequal += done.unequal
                if options["verbosity"]:
                    self.stdout.write(
                        f"{start:%Y-%m}: {number_with_noun(done.added, 'event')} copied, "
                        f"{number_with_noun(done.verified, 'hour')} compared"
                    )
        for note, count in copy.notes.items():
            self.stderr.write(f"Some events {note}: {number_with_noun(count, 'event')}.")
        if unequal:
            raise CommandError(
                f"After the copy, {names[0]} and {names[1]} differ in "
                f"{number_with_noun(len(unequal), 'hour')}:\n" + "\n".join(_listed(unequal, names))
            )
        if options["verbosity"]:
            self.stdout.write(
                f"{number_with_noun(operation.count, 'event')} copied from {names[0]} "
                f"to {names[1]}."
            )

    def _progress(self, copy: Copy, options: dict[str, Any]) -> Any:
        quiet = not options["verbosity"]
        return progress("events", copy.total, self.stderr, quiet=quiet)


def _stores(options: dict[str, Any]) -> tuple[str, str]:
    source, target = options["source"], options["to"]
    if target is None:
        if source != PARQUET:
            raise CommandError(f"Give --to with one of: {', '.join(STORES)}.")
        target = store_of_site()
    source = source or default_source(target)
    if source == target:
        raise CommandError(f"--from and --to are both {target}. Give two stores.")
    return source, target


def _span(options: dict[str, Any], target: str) -> tuple[datetime, datetime]:
    """Return the first hour, and the end of the last one that is over."""
    this_hour = _hour(aware(timezone.now()))
    start, end = options["since"] or EARLIEST, options["until"]
    if options["month"]:
        if options["since"] or end:
            raise CommandError("Give either --month, or --since and --until.")
        start, end = options["month"], months_later(options["month"])
    if end is None:
        end = month_of(this_hour) if target == PARQUET else this_hour
    return start, max(start, min(end, this_hour))


def _listed(found: Iterable[Difference], names: tuple[str, str]) -> Iterator[str]:
    for number, (hour, source, target) in enumerate(found):
        if number == MAX_LISTED_HOURS:
            yield "  and more"
            return
        contents = " with other values" if source == target else ""
        yield (
            f"  {hour:%Y-%m-%d %H}h: {source:,} in {names[0]}, {target:,} in {names[1]}{contents}"
        )
