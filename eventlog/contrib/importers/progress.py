"""The progress of a long command: a bar on a terminal, or lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from django.core.management.base import OutputWrapper

LINE_INTERVAL_SECONDS = 10.0  # between two lines

Advance = Callable[[int], None]


@contextmanager
def progress(title: str, total: int, out: OutputWrapper, *, quiet: bool) -> Iterator[Advance]:
    """Provide a function that is called with the number of rows that were processed.

    ``out`` is stderr.
    """
    if quiet:
        yield lambda rows: None
    elif (rich := _rich()) is not None and out.isatty():
        with _bar(rich) as bar:
            task = bar.add_task(title, total=total)
            yield lambda rows: bar.update(task, advance=rows)
    else:
        yield _Lines(title, total, out)


def _rich() -> Any:
    try:
        # Imported on first use, because rich is optional.
        return import_module("rich.progress")
    except ImportError:
        return None


def _bar(rich: Any) -> Any:
    # Not the wrapper, because it adds a line break to everything that is written.
    console = import_module("rich.console").Console(stderr=True)
    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TimeRemainingColumn(),
    )
    return rich.Progress(*columns, console=console)


class _Lines:
    """Writes a line every ten seconds."""

    def __init__(self, title: str, total: int, out: OutputWrapper) -> None:
        self._title, self._total, self._out = title, total, out
        self._done = 0
        self._written = time.monotonic()

    def __call__(self, rows: int) -> None:
        self._done += rows
        now = time.monotonic()
        if now - self._written >= LINE_INTERVAL_SECONDS:
            self._written = now
            # Without the colour of errors.
            self._out.write(f"{self._title}: {self._done:,} of {self._total:,} rows", str)
