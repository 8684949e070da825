"""``manage.py eventlog_search``: print the newest events that a search finds."""

from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser

from eventlog import access
from eventlog.management.terminal import (
    SearchCommand,
    csv_of,
    jsonl_of,
    lines_of,
    number_of_events,
    renderer,
    until_closed,
    write,
)
from eventlog.review.export.formats import Chunks
from eventlog.review.newest_pages import newest_pages
from eventlog.review.pagination import Page
from eventlog.review.reader import reader
from eventlog.review.search.plan import QueryPlan

FORMATS = ("table", "json", "csv")


class Command(SearchCommand):
    help = (
        "Print the newest events that a search finds. The search is written as in the admin. If it "
        "begins with a hyphen, write -- before it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "search",
            metavar="QUERY",
            nargs="?",
            default="",
            help='the search, such as "user:anna status:>=400" (all events)',
        )
        parser.add_argument(
            "--limit",
            type=number_of_events,
            default=100,
            metavar="N",
            help="print at most this number of events (100)",
        )
        parser.add_argument(
            "--format",
            choices=FORMATS,
            default="table",
            help="a line for each event, JSON with an object in each line, or CSV (table)",
        )
        parser.add_argument(
            "--oldest-first", action="store_true", help="print the same events, oldest first"
        )
        parser.add_argument(
            "--scan",
            action="store_true",
            help="search without a limit, until enough events are found or to the oldest event",
        )

    def handle(self, **options: Any) -> None:
        plan = self.parse(options["search"]).plan
        access.record_command_view("eventlog_search", options["search"])
        with until_closed(self.stdout):
            for text in self._texts(self._pages(plan, options), options):
                write(self.stdout, text)

    def _texts(self, pages: Iterator[Page], options: dict[str, Any]) -> Iterator[str]:
        if options["format"] == "csv":
            return csv_of(_rows(pages), is_terminal=self.stdout.isatty())
        if options["format"] == "json":
            return jsonl_of(_rows(pages))
        render = renderer(self.stdout, options)
        return (lines_of(page.events, render) for page in pages)

    def _pages(self, plan: QueryPlan, options: dict[str, Any]) -> Iterator[Page]:
        pages = self._newest(plan, options)
        if not options["oldest_first"]:
            return pages
        in_order = [page._replace(events=page.events[::-1]) for page in pages]
        return reversed(in_order)

    def _newest(self, plan: QueryPlan, options: dict[str, Any]) -> Iterator[Page]:
        count, is_scanning, page = options["limit"], options["scan"], None
        for page in newest_pages(plan, count, scan_all=is_scanning):
            count -= len(page.events)
            yield page
            if page.scanned_until and count:
                advice = "Continuing." if is_scanning else "Use --scan to search further back."
                self.warn_of_limit(page.scanned_until, advice)
        if page is not None and count == options["limit"] and not page.scanned_until:
            self.warn("No event found.")


def _rows(pages: Iterator[Page]) -> Chunks:
    for page in pages:
        yield from reader().with_full_extra(page.events)
