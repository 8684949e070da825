"""``manage.py eventlog_count``: update the hourly counts of the overview."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import router

from eventlog.backends.sql.pending_keys import fill_in_keys
from eventlog.counts.backlog import find_backlog
from eventlog.counts.hours import catch_up, drop_counts_before
from eventlog.counts.verify import (
    MAX_COMMAND_EVENTS,
    mark_all_differing_hours,
    mark_some_differing_hours,
)
from eventlog.models import Log
from eventlog.models.hourly import CountedHour, HourCount


class Command(BaseCommand):
    help = (
        "Count the events of each past hour that is not counted, or has changed since. The "
        "overview counts a few hours itself. Run this command once after the first migration, and "
        "from a timer on busy sites. Each run also compares a million counted events with the "
        "table. If the number of an hour differs, the hour is counted again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--rebuild", action="store_true", help="delete all counts, and count every hour again"
        )
        parser.add_argument(
            "--verify", action="store_true", help="compare every counted hour with the table"
        )

    def handle(self, **options: Any) -> None:
        using = router.db_for_write(Log)
        if options["rebuild"]:
            for model in (HourCount, CountedHour):
                model.objects.using(using).all()._raw_delete(using)
        drop_counts_before()
        fill_in_keys(using)  # first, because it marks hours as stale
        if options["verify"]:
            differed = mark_all_differing_hours(using)
        else:
            differed = mark_some_differing_hours(using, hours=None, events=MAX_COMMAND_EVENTS)
        found = find_backlog(using=using)
        step = {0: 0, 1: 500}.get(options["verbosity"], 1)  # hours between two messages
        for number, hour in enumerate(catch_up(found, using), 1):
            if step and number % step == 0:
                self.stdout.write(f"{number} of {len(found.hours)}: {hour:%Y-%m-%d %H}h")
        if options["verbosity"]:
            if differed:
                self.stdout.write(f"{_hours(differed)} differed from the events.")
            self.stdout.write(f"{_hours(len(found.hours))} counted.")


def _hours(count: int) -> str:
    return f"{count} hour" if count == 1 else f"{count} hours"
