"""``manage.py eventlog_count``: bring the counts of the overview up to date."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import router

from eventlog.hours import HourCount, RolledHour
from eventlog.models import Log
from eventlog.review.counts import forget, hours_to_roll, roll_all


class Command(BaseCommand):
    help = (
        "Count the events of each hour that is over and not counted, or has changed since. The "
        "overview does this itself for a few hours; run it once after the first migration, and "
        "from a timer on sites that write much."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--rebuild", action="store_true", help="forget what was counted, and count everything"
        )

    def handle(self, **options: Any) -> None:
        using = router.db_for_write(Log)
        if options["rebuild"]:
            for model in (HourCount, RolledHour):
                model.objects.using(using).all()._raw_delete(using)
        forget()
        hours = hours_to_roll(using=using)
        told = {0: 0, 1: 500}.get(options["verbosity"], 1)
        for number, hour in enumerate(roll_all(hours), 1):
            if told and number % told == 0:
                self.stdout.write(f"{number} of {len(hours)}: {hour:%Y-%m-%d %H}h")
        if options["verbosity"]:
            self.stdout.write(f"{len(hours)} hours counted.")
