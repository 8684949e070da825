"""``manage.py eventlog_prune``: delete old events in batches that do not block writers."""

import re
import time
from argparse import ArgumentTypeError
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import router
from django.db.models import Q, QuerySet
from django.utils import timezone

from eventlog import access
from eventlog.counts.hours import drop_before
from eventlog.management.terminal import SearchCommand
from eventlog.models import Log
from eventlog.partitions.pruning import drop_months, months_before
from eventlog.review.search.known_values import known_actions
from eventlog.review.search.plan import QueryPlan, limit_to_first, timestamps, up_to
from eventlog.review.search.tree import And

CONDITIONS = ("action", "keep", "requests", "events", "search")  # besides the age
UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def age(text: str) -> timedelta:
    """Parse an age such as ``180d``."""
    if not (match := re.fullmatch(r"(\d{1,5})([hdw])", text)):
        raise ArgumentTypeError(f"{text!r} is not an age; give one such as 48h, 180d or 52w")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def batch_size(text: str) -> int:
    """Parse a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number of events; give 1 or more")
    return int(text)


class Command(SearchCommand):
    help = "Delete events that are older than an age, in small batches with pauses between them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("older_than", type=age, help="48h, 180d, 52w")
        parser.add_argument(
            "--action",
            action="append",
            metavar="NAME",
            help="only this action; GET_* selects all that begin with GET_; can be repeated",
        )
        parser.add_argument(
            "--keep",
            action="append",
            metavar="NAME",
            help="keep this action, such as POST_LOGIN; can be repeated",
        )
        kind = parser.add_mutually_exclusive_group()
        kind.add_argument(
            "--requests",
            action="store_true",
            help="only request events, which the middleware or log_request recorded",
        )
        kind.add_argument(
            "--events",
            action="store_true",
            help="only the other events, which the application logged",
        )
        parser.add_argument(
            "--search",
            metavar="QUERY",
            help="only events that this search of the admin finds, such as 'is:bot status:404'",
        )
        parser.add_argument(
            "--batch", type=batch_size, default=1000, help="events per transaction (1000)"
        )
        parser.add_argument(
            "--pause", type=float, default=0.01, help="seconds between two batches (0.01)"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only print the number of events"
        )

    def handle(self, **options: Any) -> None:
        using = router.db_for_write(Log)
        before = timezone.now() - options["older_than"]
        old = Log.objects.using(using).until(before)
        if options["action"]:
            old = old.action(*options["action"])
        if options["requests"]:
            old = old.requests()
        if options["events"]:
            old = old.events()
        if options["keep"]:
            old = old.not_action(*options["keep"])
        plan = QueryPlan() if options["search"] is None else self._plan(options["search"])
        self._report_patterns(using, options)
        if options["dry_run"]:
            self.stdout.write(f"{_events(old.filter(plan.condition).count())} would be deleted.")
            return
        with access.Operation(
            "prune", _recorded(options, before), command="eventlog_prune"
        ) as pruning:
            has_conditions = any(map(options.get, CONDITIONS))
            if not has_conditions:
                _drop_months(before, using, pruning)
            for batch in _batches(old.filter(plan.period), plan, options["batch"]):
                pruning.start()
                near = Log.objects.using(using).around(timestamp for _, timestamp in batch)
                near.filter(pk__in=[pk for pk, _ in batch])._raw_delete(using)
                pruning.count += len(batch)
                time.sleep(options["pause"])
            if has_conditions:
                deque(drop_months(before, using, only_empty=True), maxlen=0)
        drop_before()
        if options["verbosity"]:
            self.stdout.write(f"{_events(pruning.count)} deleted.")

    def _plan(self, text: str) -> QueryPlan:
        search = self.parse(text)
        if search.tree == And():  # such as an empty variable of a shell script
            raise CommandError("The search is empty. Leave out --search to delete all old events.")
        return search.plan

    def _report_patterns(self, using: str, options: dict[str, Any]) -> None:
        """Warn if a pattern matches no event of any age. In a dry run, count its old events."""
        for option in ("action", "keep"):
            for pattern in options[option] or ():
                found = Log.objects.using(using).action(pattern).order_by()
                if not found.exists():
                    self.stderr.write(
                        f"--{option} {pattern!r} matches no event.{_suggestion(pattern)}"
                    )
                elif options["dry_run"]:
                    old = found.until(timezone.now() - options["older_than"]).count()
                    self.stdout.write(f"--{option} {pattern!r} matches {_events(old)} of this age.")


def _recorded(options: dict[str, Any], before: datetime) -> dict[str, Any]:
    """Return the conditions that were given, for the event."""
    conditions = {name: options[name] for name in CONDITIONS if options[name]}
    return {"before": before.isoformat(), **conditions}


def _drop_months(before: datetime, using: str, pruning: access.Operation) -> None:
    """Drop the partitions whose events are all old, which takes less time than to delete them."""
    if months_before(before, using):
        pruning.start()
    for dropped in drop_months(before, using):
        pruning.count += dropped.events


Batch = list[tuple[int, datetime]]


def _batches(old: QuerySet[Log], plan: QueryPlan, size: int) -> Iterator[Batch]:
    """Yield keys and times of the events to delete, oldest first. The caller deletes each batch.

    Each batch starts where the last one ended, so that kept events are read once.
    """
    start = Q()
    while True:
        some = limit_to_first(old.filter(start), plan.index_scan, size, backwards=True)
        if plan.residual:
            # Checked on ``size`` events in each query, because a rare match would need a long one.
            end = next(iter(timestamps(some, backwards=True)[size : size + 1]), None)
            if end is not None:
                # The bounds are the first conditions, because SQLite ends its index scan there.
                some = Log.objects.using(old.db).filter(up_to(end, backwards=True), start) & some
            found = some.filter(plan.residual).order_by("timestamp").values_list("pk", "timestamp")
            while batch := list(found[:size]):
                yield batch
                if len(batch) < size:
                    break
            if end is None:
                return
            start = Q(timestamp__gt=end)
        else:
            rows = list(some.order_by("timestamp").values_list("pk", "timestamp")[:size])
            if not rows:
                return
            yield rows
            start = Q(timestamp__gte=rows[-1][1])


def _events(count: int) -> str:
    return f"{count} event" if count == 1 else f"{count} events"


def _suggestion(pattern: str) -> str:
    names = known_actions()
    word = pattern.strip("*").casefold()
    close = [name for name in names if word and word in name.casefold()]
    close += get_close_matches(pattern, names, 3)
    return f" Did you mean {' or '.join(dict.fromkeys(close[:3]))}?" if close else ""
