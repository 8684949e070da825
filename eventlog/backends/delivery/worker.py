"""The thread that delivers the segments of a spool."""

import threading
import time

from ...error_log import report
from .. import destinations
from ..spool import Spool
from .connections import PrivateConnections
from .pacer import NoPacer, Pacer
from .segments import SegmentDelivery

ROTATE_INTERVAL = 5.0  # seconds, if another process delivers
MAX_FIRST_PAUSE = 5.0  # seconds; a server often forks soon after it has loaded a site
MAX_PAUSE = 60.0  # seconds between two rounds while the database is down


class DeliveryWorker:
    """Run rounds of delivery in a thread, in other threads on demand, and once at the end.

    ``interval``: seconds from one round of the thread to the next. Without it, the thread only
    completes segments, so that another process can deliver them. ``exit_timeout``: seconds for
    the last round when the process ends.
    """

    def __init__(
        self,
        spool: Spool,
        delivery: SegmentDelivery,
        *,
        interval: float | None,
        exit_timeout: float,
    ) -> None:
        self._spool = spool
        self._delivery = delivery
        self._interval = interval
        self._exit_timeout = exit_timeout
        self.reset()

    def reset(self) -> None:
        """Create the state of a new process, because threads and locks do not survive a fork."""
        self.thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._starting = threading.Lock()
        self._round = threading.RLock()  # held during a round
        self._pacer = Pacer(self._interval)
        self._connections = PrivateConnections()  # of the thread
        self._is_paused = False  # by a fork
        self._delivery.reset()

    def start(self) -> None:
        """Start the thread if it does not run."""
        with self._starting:
            if self.thread is None and not self._stop.is_set():
                run = self._rotate_only if self._interval is None else self._run
                self.thread = threading.Thread(target=run, name="eventlog", daemon=True)
                try:
                    self.thread.start()
                except RuntimeError as error:  # the process ends or has too many threads
                    self.thread = None
                    report("starting the thread that delivers events", error)

    def wake(self) -> None:
        """Start the next round of the thread now."""
        self._wake.set()

    def close(self) -> None:
        """Stop the thread, and deliver within ``exit_timeout``."""
        self._stop.set()
        self._wake.set()
        self._pacer.hurry.set()
        if self.thread is not None:
            self.thread.join(self._exit_timeout)
        if self.thread is None or self._interval is None:
            self.run_once(time.monotonic() + self._exit_timeout)

    def pause(self, timeout: float) -> bool:
        """Prevent rounds until ``resume()``; return False if a running round does not end in time.

        A running round ends after its current segment.
        """
        self._is_paused = True
        try:
            acquired = self._acquire(timeout)
        finally:  # a signal handler may raise
            self._is_paused = False
        # A receiver of event_logged may fork inside the thread.
        if acquired and threading.current_thread() is not self.thread:
            try:
                self._connections.close()
            except BaseException:  # raised by a signal handler
                self.resume()
                raise
        return acquired

    def resume(self) -> None:
        """Allow rounds again."""
        self._round.release()

    def run_once(self, deadline: float | None = None) -> bool:
        """Run one round in the current thread; return whether no segment is left.

        ``deadline`` is a time of ``time.monotonic()``.
        """
        in_thread = threading.current_thread() is self.thread
        try:
            timeout = -1 if deadline is None else max(0.0, deadline - time.monotonic())
            if not self._acquire(timeout):
                return False
            try:
                return self._run_round(deadline, in_thread=in_thread)
            finally:
                self.resume()
        except BaseException as error:  # the thread must not end before the process
            report("delivering events", error)
            if not isinstance(error, Exception) and not in_thread:
                raise
            return False

    def _run_round(self, deadline: float | None, *, in_thread: bool) -> bool:
        pacer = self._pacer if in_thread else NoPacer()
        try:
            if in_thread:
                if destinations.is_test_run():  # in a test, only flush() delivers
                    return True
                self._connections.prepare()
            return self._delivery.run(pacer, deadline, lambda: self._is_paused)
        finally:
            self._spool.refresh_size()
            if in_thread:
                self._connections.release()

    def _acquire(self, timeout: float) -> bool:
        """Wait for the end of the running round, which no longer sleeps."""
        self._pacer.hurry.set()
        try:
            return self._round.acquire(timeout=timeout)
        finally:
            if not self._stop.is_set():
                self._pacer.hurry.clear()

    def _run(self) -> None:
        interval = self._interval or 0.0
        pause, failures = min(interval, MAX_FIRST_PAUSE), 0
        while not self._stop.is_set():
            # After a failure, new events do not wake the thread.
            (self._stop if failures else self._wake).wait(pause)
            self._wake.clear()
            started = time.monotonic()
            failures = 0 if self.run_once() else failures + 1
            if failures:
                pause = min(MAX_PAUSE, interval * 2 ** min(failures - 1, 10))
            else:
                pause = max(0.0, interval - (time.monotonic() - started))
        # The last round runs in this thread, because close() waits for it with a timeout.
        self.run_once(time.monotonic() + self._exit_timeout)
        self._connections.close()

    def _rotate_only(self) -> None:
        while not self._stop.wait(ROTATE_INTERVAL):
            try:
                self._spool.rotate()
            except OSError as error:
                report("completing a segment of events", error)
