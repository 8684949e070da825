"""``manage.py eventlog_prune``: delete old events, without holding up who writes new ones."""

import re
import time
from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import router, transaction
from django.utils import timezone

from eventlog.hours import RolledHour
from eventlog.models import Log
from eventlog.review.counts import forget

UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def age(text: str) -> timedelta:
    """``180d`` and the like."""
    if not (match := re.fullmatch(r"(\d{1,5})([hdw])", text)):
        raise ArgumentTypeError(f"{text!r} is no age; say 48h, 180d or 52w")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def batch(text: str) -> int:
    """A whole number, 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no number of events; say 1 or more")
    return int(text)


class Command(BaseCommand):
    help = "Delete events that are older than an age, in small batches with pauses between them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("older_than", type=age, help="48h, 180d, 52w")
        parser.add_argument(
            "--action",
            action="append",
            metavar="NAME",
            help="only these actions; GET_* for all that begin so; may be given several times",
        )
        parser.add_argument(
            "--keep",
            action="append",
            metavar="NAME",
            help="not these actions; may be given several times",
        )
        parser.add_argument("--batch", type=batch, default=1000, help="events at a time (1000)")
        parser.add_argument(
            "--pause", type=float, default=0.01, help="seconds between two batches (0.01)"
        )
        parser.add_argument("--dry-run", action="store_true", help="only say how many they are")

    def handle(self, **options: Any) -> None:
        using = router.db_for_write(Log)
        old = Log.objects.using(using).until(timezone.now() - options["older_than"])
        if options["action"]:
            old = old.action(*options["action"])
        if options["keep"]:
            old = old.not_action(*options["keep"])
        if options["dry_run"]:
            self.stdout.write(f"{old.count()} events would be deleted.")
            return
        deleted = 0
        while batch := list(
            old.order_by("timestamp").values_list("pk", "timestamp")[: options["batch"]]
        ):
            with transaction.atomic(using=using):
                Log.objects.using(using).filter(pk__in=[pk for pk, _ in batch])._raw_delete(using)
                RolledHour.touch((moment for _, moment in batch), using)
            deleted += len(batch)
            old = old.since(batch[-1][1])  # past those before it that are kept
            time.sleep(options["pause"])
        forget()
        if options["verbosity"]:
            self.stdout.write(f"{deleted} events deleted.")
