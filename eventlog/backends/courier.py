"""The thread that brings batches from a spool to where they belong, so that no request has to."""

import threading
import time
from collections.abc import Iterator
from typing import Protocol

from django.db import InterfaceError, OperationalError

from ..reporting import report
from .own_connections import OwnConnections
from .spool import BATCH, READ, Batch, Spool

ADOPT_EVERY = 5.0  # seconds between two looks for what dead processes left
SEAL_EVERY = 5.0
FIRST_AFTER = 5.0  # seconds, at most: a server that loads a site often forks soon after
MOST_FAILURES = 50  # of a round
LONGEST_PAUSE = 60.0  # seconds between two tries at a database that is down
# Beside requests a batch is read and sent in small pieces, each with a rest before it, in which the
# requests have the interpreter, and the processors that the database may share with them. The rests
# of a round take half its interval, if that is not too long for a transaction, and none of them
# has to be longer or shorter than these.
SMALL = 1 << 13  # bytes
SPREAD = 2.5  # seconds
SHORTEST_REST, LONGEST_REST = 0.0005, 0.02  # seconds
# How often a piece asks for the interpreter: where busy threads have it, it waits each time.
TURNS = 2


class Receiver(Protocol):
    """Whom a courier serves. What any of these raises ends the round, and is reported."""

    def hand_over(self, batch: Batch) -> None:
        """Bring one batch where it belongs; if that raises, it is tried again later."""

    def before_round(self) -> None:
        """Batches are about to be handed over."""

    def after_round(self) -> None:
        """What could be has been handed over."""

    def urgent(self) -> bool:
        """Whether there is little room left, so that there is no time for long rests."""

    def measure(self) -> None:
        """A round has ended, however: the spool holds less than it did."""


class Courier:
    """Looks after one spool in one process: its thread, its rounds, and the last one at the end.

    ``interval``: seconds from one round of the thread to the next; without it, the thread only
    completes batches. ``exit_timeout``: seconds for what waits when the process ends.
    """

    def __init__(
        self, spool: Spool, receiver: Receiver, *, interval: float | None, exit_timeout: float
    ) -> None:
        self._spool = spool
        self._receiver = receiver
        self._interval = interval
        self._exit_timeout = exit_timeout
        self.begin()

    def begin(self) -> None:
        """The state of a process that has just begun: threads and locks do not survive a fork."""
        self.thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._starting = threading.Lock()
        self._delivering = threading.RLock()
        self._next_adoption = 0.0
        self._failed = 0  # batches, in the last round
        self._waiting = 0  # bytes, of complete batches, when the round began
        self._connections = OwnConnections()  # of the thread
        self._awaited = False  # the end of a round, by another thread
        self._in_the_way = False  # of a fork

    def start(self) -> None:
        with self._starting:
            if self.thread is None and not self._stop.is_set():
                run = self._seal_only if self._interval is None else self._run
                self.thread = threading.Thread(target=run, name="eventlog", daemon=True)
                try:
                    self.thread.start()
                except RuntimeError as error:  # the process ends, or has too many
                    self.thread = None
                    report("starting the thread that delivers events", error)

    def hurry(self) -> None:
        """There is a batch: do not wait for the end of the interval."""
        self._wake.set()

    def close(self) -> None:
        """Stop the thread and deliver what there is time for."""
        self._stop.set()
        self._wake.set()
        if self.thread is not None:
            self.thread.join(self._exit_timeout)
        if self.thread is None or self._interval is None:
            self.deliver(time.monotonic() + self._exit_timeout)

    def make_way(self, patience: float) -> bool:
        """Keep deliveries from beginning until ``let_go()``; False if one would not end in time.

        A round that is under way ends after its batch, however many wait.
        """
        self._in_the_way = True
        try:
            held = self._acquire(patience)
        finally:  # also when a signal handler raises
            self._in_the_way = False
        in_thread = threading.current_thread() is self.thread  # a receiver of event_logged forks
        if held and not in_thread:
            try:
                self._connections.close()
            except BaseException:  # of a signal handler
                self.let_go()
                raise
        return held

    def let_go(self) -> None:
        self._delivering.release()

    def deliver(self, deadline: float | None = None, *, adopt: bool = False) -> bool:
        """One round, in whichever thread; whether nothing had to be left.

        ``deadline``: as ``time.monotonic()`` counts. ``adopt``: also take over now what dead
        processes left.
        """
        if adopt:
            self._next_adoption = 0.0
        try:
            return self._round(deadline)
        except BaseException as error:  # the thread lives as long as the process
            report("delivering events", error)
            if not isinstance(error, Exception) and threading.current_thread() is not self.thread:
                raise
            return False

    def pieces(self, batch: Batch, *, locking: bool) -> Iterator[list[str]]:
        """The lines of a batch, as many at a time as whoever else is at work can bear.

        ``locking``: others wait for what is locked meanwhile, so there is no time for long rests.
        """
        return batch.pieces(lambda: self._next_size(locking))

    def _next_size(self, locking: bool) -> int:
        if threading.current_thread() is not self.thread or self._stop.is_set() or self._awaited:
            return READ
        rest = SHORTEST_REST if locking or self._receiver.urgent() else self._long_rest()
        # In which the others have the interpreter. A call that waits for a disk or a server does
        # not do: the lock is taken again before they are awake, as it is after sleep(0).
        began = time.monotonic()
        time.sleep(rest)
        late = max(0.0, time.monotonic() - began - rest)
        # Larger, where what waits could not be written within an interval otherwise.
        return min(READ, SMALL + int(self._waiting * TURNS * late / (self._interval or 1.0)))

    def _long_rest(self) -> float:
        if self._failed:  # perhaps because it took too long
            return SHORTEST_REST
        spread = min((self._interval or 0.0) / 2, SPREAD)
        rest = spread * SMALL / max(self._waiting, SMALL)
        return min(max(rest, SHORTEST_REST), LONGEST_REST)

    def _run(self) -> None:
        interval = self._interval or 0.0
        pause, failures = min(interval, FIRST_AFTER), 0
        while not self._stop.is_set():
            # A database that is down is not tried the sooner because more has come.
            (self._stop if failures else self._wake).wait(pause)
            self._wake.clear()
            began = time.monotonic()
            failures = 0 if self.deliver() else failures + 1
            if failures:
                pause = min(LONGEST_PAUSE, interval * 2 ** min(failures - 1, 10))
            else:
                pause = max(0.0, interval - (time.monotonic() - began))
        # Not by the thread that ends the process, which a database that does not answer would hold.
        self.deliver(time.monotonic() + self._exit_timeout)
        self._connections.close()

    def _seal_only(self) -> None:
        """That another process can deliver what this one wrote."""
        while not self._stop.wait(SEAL_EVERY):
            try:
                self._spool.seal()
            except OSError as error:
                report("completing a batch of events", error)

    def _round(self, deadline: float | None) -> bool:
        patience = -1 if deadline is None else max(0.0, deadline - time.monotonic())
        if not self._acquire(patience):
            return False
        in_thread = threading.current_thread() is self.thread
        try:
            if in_thread:
                self._connections.prepare()
            self._spool.seal()
            now = time.monotonic()
            if now >= self._next_adoption:
                self._spool.adopt()
                self._next_adoption = now + ADOPT_EVERY
            self._waiting = self._spool.size(BATCH)
            self._receiver.before_round()
            return self._hand_over_all(deadline)
        finally:
            try:
                self._receiver.measure()
                if in_thread:
                    self._connections.release()
            finally:
                self.let_go()

    def _acquire(self, patience: float) -> bool:
        """Wait for a round that is under way, which takes no more rests then."""
        self._awaited = True
        try:
            return self._delivering.acquire(timeout=patience)
        finally:
            self._awaited = False

    def _hand_over_all(self, deadline: float | None) -> bool:
        # A batch that fails must not hold up the others; where all fail, two more than last time
        # are enough, and two where the database is down.
        enough = min(self._failed + 2, MOST_FAILURES)
        tried = failed = down = 0
        for batch in self._spool.claim():
            if self._in_the_way or (deadline is not None and time.monotonic() > deadline):
                batch.release()
                return False
            tried += 1
            if (error := self._hand_over(batch)) is not None:
                failed += 1
                down += isinstance(error, OperationalError | InterfaceError)
            if failed == enough or down == 2:
                break
        self._failed = failed
        if tried > failed or not tried:
            self._receiver.after_round()
        return not failed

    def _hand_over(self, batch: Batch) -> Exception | None:
        try:
            self._receiver.hand_over(batch)
        except Exception as error:  # noqa: BLE001 (whatever it is, the batch stays and is tried again)
            report("delivering a batch of events", error)
            batch.release()
            return error
        return None
