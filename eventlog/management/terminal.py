"""Output of commands that print events: colours, safe text, data, and closed pipes."""

import json
import os
import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from io import StringIO
from typing import Any

from django.core.management.base import BaseCommand, CommandError, OutputWrapper

from eventlog.models import Log
from eventlog.review.export.formats import Chunks, as_csv, as_jsonl
from eventlog.review.html import exact_time
from eventlog.review.pagination import Cursor
from eventlog.review.reader import reader
from eventlog.review.search.query import Problem, Search
from eventlog.review.text_lines import Part, column_widths, line_parts, plain_text, printable

Render = Callable[[Sequence[Part]], str]


def number_of_events(text: str) -> int:
    """Parse a whole number of at least 1."""
    if not re.fullmatch(r"[0-9]{1,12}", text) or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number of events; give 1 or more")
    return int(text)


def events_in_words(count: int) -> str:
    """Return ``1 event`` or ``2 events``."""
    return f"{count} event" if count == 1 else f"{count} events"


class SearchCommand(BaseCommand):
    """A command that takes a search."""

    def parse(self, text: str) -> Search:
        """Return a search, with its hints on stderr. Raise ``CommandError`` if it is not valid."""
        search = reader().parse(text)
        if not search.errors:
            for hint in search.hints:
                self.warn(_reason(hint))
            return search
        for error in search.errors:
            self.stderr.write(printable(_reason(error)))
        raise CommandError(f"The search {printable(text)!r} is not valid.")

    def warn(self, message: str) -> None:
        """Write a message to stderr."""
        self.stderr.write(self.style.WARNING(printable(message)))

    def warn_of_limit(self, scanned_until: Cursor, advice: str) -> None:
        """Say how far back a scan searched before it stopped at its limit."""
        self.warn(f"Searched back to {exact_time(scanned_until.timestamp)}. {advice}")


def _reason(problem: Problem) -> str:
    # The shell passes the suggestion on as one argument, so it is not quoted here.
    meant = f" Did you mean: {problem.suggestion}" if problem.suggestion else ""
    return f"{problem.part}: {problem.reason}{meant}"


def renderer(out: OutputWrapper, options: dict[str, Any]) -> Render:
    """Return the function that renders a line: with rich in colour, otherwise as plain text."""
    is_coloured = options["force_color"] or (
        out.isatty() and not options["no_color"] and not os.environ.get("NO_COLOR")
    )
    if not is_coloured:
        return plain_text
    try:
        # Imported on first use, because rich is optional.
        console_module, text_module = import_module("rich.console"), import_module("rich.text")
    except ImportError:
        return plain_text
    console = console_module.Console(
        file=StringIO(), force_terminal=True, legacy_windows=False, no_color=False
    )

    def in_colour(parts: Sequence[Part]) -> str:
        with console.capture() as captured:
            console.print(text_module.Text.assemble(*parts), soft_wrap=True, end="")
        text: str = captured.get()
        return text

    return in_colour


def lines_of(events: Sequence[Log], render: Render) -> str:
    """Return the lines of events, with columns below each other."""
    columns = column_widths(events)
    return "".join(f"{render(line_parts(event, columns))}\n" for event in events)


def jsonl_of(rows: Chunks) -> Iterator[str]:
    """Yield JSON, one object in each line, with an escape for each control character."""
    for piece in as_jsonl(rows):
        # JSON itself escapes only the ASCII ones, but a terminal obeys others as well.
        yield "".join(
            f"{printable(text, _json_escape)}\n" for text in piece.decode().split("\n")[:-1]
        )


def _json_escape(character: str) -> str:
    return json.dumps(character)[1:-1]


def csv_of(rows: Chunks, *, is_terminal: bool) -> Iterator[str]:
    """Yield CSV as the export of the admin writes it; for a terminal, with escapes."""
    for piece in as_csv(rows):
        text = piece.decode()
        if is_terminal:
            lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
            text = "\n".join(map(printable, lines))
        yield text


def write(out: OutputWrapper, text: str) -> None:
    """Write text as UTF-8 to a file or a pipe, and in the encoding of a terminal to that."""
    if not out.isatty() and (binary := getattr(out, "buffer", None)) is not None:
        out.flush()
        binary.write(text.encode())
        return
    encoding = getattr(out, "encoding", None) or "utf-8"
    out.write(text.encode(encoding, "backslashreplace").decode(encoding), ending="")


@contextmanager
def until_closed(out: OutputWrapper) -> Iterator[None]:
    """Run the block, and end quietly if the reader of ``out`` ends first, such as ``head``."""
    try:
        yield
        out.flush()
    except BrokenPipeError:
        # Otherwise Python writes the rest at exit, and reports the error.
        # https://docs.python.org/3/library/signal.html#note-on-sigpipe
        with suppress(OSError, AttributeError):  # a stdout without a file descriptor
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
