"""``manage.py eventlog_tail``: print events while they are stored."""

import re
import time
from argparse import ArgumentTypeError
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.db import Error, InterfaceError, OperationalError, close_old_connections
from django.db.models import Q
from django.utils import timezone

from eventlog import access
from eventlog.management.terminal import (
    SearchCommand,
    jsonl_of,
    lines_of,
    number_of_events,
    renderer,
    until_closed,
    write,
)
from eventlog.models import Log
from eventlog.review.newest_pages import newest_pages
from eventlog.review.reader import EventFollower, reader
from eventlog.review.search.query import Search

DEFAULT_LINES = 10
MAX_LINES_SINCE = 10_000  # that are printed at the start with --since
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def time_span(text: str) -> timedelta:
    """Parse a time span such as ``10m``."""
    if not (match := re.fullmatch(r"([0-9]{1,4})([smhdw])", text)):
        raise ArgumentTypeError(f"{text!r} is not a time span; give one such as 30s, 10m or 2h")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def seconds(text: str) -> float:
    """Parse a number of seconds of at least 0.1."""
    with suppress(ValueError):
        if 0.1 <= (number := float(text)) <= 3600:
            return number
    raise ArgumentTypeError(f"{text!r} is not a number of seconds from 0.1 to 3600")


class Command(SearchCommand):
    help = "Print the newest events, and then each further event when it is stored. Ctrl-C ends it."
    wait = staticmethod(time.sleep)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--search",
            default="",
            metavar="QUERY",
            help="only events that this search of the admin finds, such as 'status:>=500'",
        )
        parser.add_argument(
            "--since",
            type=time_span,
            metavar="SPAN",
            help="begin with the events of this time span, such as 30s, 10m or 2h",
        )
        parser.add_argument(
            "--lines",
            type=number_of_events,
            metavar="N",
            help=f"begin with at most this number of events ({DEFAULT_LINES}; with --since, "
            f"{MAX_LINES_SINCE:,})",
        )
        parser.add_argument(
            "--interval",
            type=seconds,
            default=1.0,
            metavar="SECONDS",
            help="time between two queries for new events (1)",
        )
        parser.add_argument(
            "--json", action="store_true", help="print one JSON object in each line"
        )

    def handle(self, **options: Any) -> None:
        search = self.parse(options["search"])
        access.record_command_view("eventlog_tail", options["search"])
        self._render = renderer(self.stdout, options)
        self._is_json, self._is_down = options["json"], False
        # Ctrl-C is the normal end of this command.
        with until_closed(self.stdout), suppress(KeyboardInterrupt):
            follower = reader().follow(
                options["search"]
            )  # first, so that no event is missed in between
            self._begin(search, follower, options)
            while True:
                self.wait(options["interval"])
                self._print_new(follower, options["interval"])

    def _begin(self, search: Search, follower: EventFollower, options: dict[str, Any]) -> None:
        """Print the events at the start."""
        plan, since = search.plan, options["since"]
        if since is not None:
            plan = plan._replace(period=plan.period & Q(timestamp__gte=timezone.now() - since))
        count = options["lines"] or (DEFAULT_LINES if since is None else MAX_LINES_SINCE)
        texts: list[str] = []
        for page in newest_pages(plan, count):
            follower.skip([event.pk for event in page.events])
            texts.append(self._text(page.events[::-1]))
            count -= len(page.events)
            if page.scanned_until:
                self.warn_of_limit(
                    page.scanned_until, "Use eventlog_search --scan to search further back."
                )
            elif page.older and not count and since is not None:
                self.warn("There are more events of this time span. Use --lines to print more.")
        self._write("".join(reversed(texts)))

    def _print_new(self, follower: EventFollower, interval: float) -> None:
        try:
            for events in follower.new():
                self._write(self._text(events))
        except (OperationalError, InterfaceError) as error:
            with suppress(Error):  # PyMySQL refuses to close a connection that it has lost
                close_old_connections()
            if not self._is_down:
                reason = str(error).strip().partition("\n")[0]
                self.warn(f"The database does not answer: {reason}. Trying every {interval:g} s.")
            self._is_down = True
            return
        if self._is_down:
            self.warn("The database answers again.")
        self._is_down = False

    def _text(self, events: Sequence[Log]) -> str:
        if self._is_json:
            return "".join(jsonl_of(reader().with_full_extra(events)))
        return lines_of(events, self._render)

    def _write(self, text: str) -> None:
        if text:
            write(self.stdout, text)
            self.stdout.flush()
