"""Pacing of deliveries, to leave the GIL and the CPU to requests."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from ..spool.segment import READ_BYTES

# While requests are served, a segment is sent in small chunks. The thread sleeps before each chunk,
# so that requests get the GIL. All sleeps of a round take half its interval (benchmarks.served).
CHUNK_BYTES = 1 << 13
MAX_SPREAD = 2.5  # seconds of sleep in a round, during which a transaction is open
MIN_REST, MAX_REST = 0.0005, 0.02  # seconds of sleep before a chunk
# A chunk waits for the GIL about twice: once to read, once to send.
WAITS_PER_CHUNK = 2


class Chunked(Protocol):
    """Lines that can be read in chunks, such as a segment."""

    def chunks(self, size: Callable[[], int]) -> Iterator[list[str]]:
        """Yield the lines in chunks of about ``size()`` bytes."""


class Pacer:
    """Split segments into chunks and sleep before each.

    ``interval``: the most seconds of a round. A thread that waits for the end of the round sets
    ``hurry``, which ends the sleeps.
    """

    def __init__(self, interval: float | None) -> None:
        self._interval = interval or 0.0
        self._waiting = 0
        self._rest = MIN_REST
        self.hurry = threading.Event()

    def start_round(self, waiting: int, *, urgent: bool) -> None:
        """Choose the sleep before each chunk for a round that delivers ``waiting`` bytes."""
        self._waiting = waiting
        spread = min(self._interval / 2, MAX_SPREAD)
        rest = spread * CHUNK_BYTES / max(waiting, CHUNK_BYTES)
        self._rest = MIN_REST if urgent else min(max(rest, MIN_REST), MAX_REST)

    def chunks(self, segment: Chunked, *, holds_locks: bool) -> Iterator[list[str]]:
        """Yield the lines of a segment in chunks.

        ``holds_locks``: sleep briefly, because requests may wait for rows that the caller locks.
        """
        rest = MIN_REST if holds_locks else self._rest
        return segment.chunks(lambda: self._rest_and_choose_size(rest))

    def _rest_and_choose_size(self, rest: float) -> int:
        if self.hurry.is_set():
            return READ_BYTES
        # A sleep lets other threads acquire the GIL. A short wait for a disk or a server is not
        # enough, because this thread acquires the GIL again before the others are awake.
        started = time.monotonic()
        time.sleep(rest)
        late = max(0.0, time.monotonic() - started - rest)
        # Larger chunks if the waiting bytes would otherwise take longer than the interval.
        more = int(self._waiting * WAITS_PER_CHUNK * late / (self._interval or 1.0))
        return min(READ_BYTES, CHUNK_BYTES + more)


class NoPacer(Pacer):
    """Read large chunks without sleeping, for a caller that waits for the delivery."""

    def __init__(self) -> None:
        super().__init__(None)
        self.hurry.set()
