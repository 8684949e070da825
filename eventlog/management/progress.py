"""A progress bar, where a terminal is attached."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from django.core.management.base import OutputWrapper

WIDTH = 30  # characters of the bar
INTERVAL = 0.1  # seconds between two updates
CLEAR = "\r\x1b[K"  # back to the start of the line, and empty it

Show = Callable[[float, str], None]


@contextmanager
def progress_bar(out: OutputWrapper, *, is_wanted: bool = True) -> Iterator[Show]:
    """Provide a function that shows a share and a text, or does nothing without a terminal."""
    if not (is_wanted and out.isatty()):
        yield lambda share, text: None
        return
    next_update = 0.0

    def show(share: float, text: str) -> None:
        nonlocal next_update
        if (now := monotonic()) < next_update:
            return
        next_update = now + INTERVAL
        bar = "#" * round(share * WIDTH)
        out.write(f"{CLEAR}[{bar:<{WIDTH}}] {share:4.0%} {text}", ending="")
        out.flush()

    try:
        yield show
    finally:
        out.write(CLEAR, ending="")
