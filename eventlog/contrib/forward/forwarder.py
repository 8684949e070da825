"""The queues and sending threads of this process."""

import atexit
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...backends import destinations
from ...backends.delivery import forks
from ...backends.spool import Segment, Spool
from ...conf import Misconfigured, conf
from ...error_log import report
from .sender import Sender

EXIT_TIMEOUT = 5.0  # seconds for the running batches when the process ends


def senders_of(setting: Mapping[str, Any], spool: Path) -> Sequence[Sender]:
    """Return the senders of the configured targets, without those whose queue is misconfigured."""
    senders = []
    for name, raw in setting.items():
        try:
            senders.append(Sender(name, raw, spool))
        except Misconfigured as error:  # which the system check reports as well
            report("reading EVENTLOG['FORWARD']", error)
    return senders


class SenderThread:
    """Runs the rounds of one target, so that a target that hangs delays no other."""

    def __init__(self, sender: Sender, is_paused: Callable[[], bool]) -> None:
        self._sender = sender
        self._is_paused = is_paused
        self._wake = threading.Event()
        self._stop = threading.Event()
        self.round = threading.Lock()  # held during a round
        self._thread = threading.Thread(
            target=self._run, name=f"eventlog-{sender.name}", daemon=True
        )
        self.wake()

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Start the next round now."""
        self._wake.set()

    def stop(self) -> None:
        """End after the running batch."""
        self._stop.set()
        self._wake.set()

    def join(self, timeout: float) -> None:
        """Wait for the end of the thread."""
        self._thread.join(timeout)

    def forget_lock(self) -> None:
        """Close the lock that a forked child inherited."""
        self._sender.queue.forget_lock()

    def _run(self) -> None:
        while True:
            self._wake.wait(self._sender.interval)
            self._wake.clear()
            if self._stop.is_set():
                return
            with self.round:
                try:
                    self._sender.run(self._is_interrupted)
                except Exception as error:  # noqa: BLE001 (the thread must not end)
                    report(f"sending events to {self._sender.name}", error)

    def _is_interrupted(self) -> bool:
        return self._stop.is_set() or self._is_paused()


class Forwarder:
    """Adds complete segments to the queues of the targets, and sends them in threads."""

    def __init__(self) -> None:
        self._is_closed = False
        self._begin()

    def _begin(self) -> None:
        self._mutex = threading.Lock()
        self._key: tuple[Mapping[str, Any], Path] | None = None
        self._senders: Sequence[Sender] = ()
        self._threads: list[SenderThread] = []
        self._is_paused = False  # by a fork
        self._held: list[SenderThread] = []  # whose rounds a fork prevents

    def receive(self, spool: Spool, segment: Segment) -> None:
        """Add a complete segment to the queue of each target."""
        if not conf.forward:
            return
        for sender in self._current_senders(spool.directory):
            try:
                sender.queue.add(segment)
            except OSError as error:
                report(f"keeping events for {sender.name}", error)
        # In a test run, only the command sends.
        if not self._is_closed and not destinations.is_test_run():
            self._start_or_wake()

    def _current_senders(self, spool: Path) -> Sequence[Sender]:
        setting = conf.forward
        with self._mutex:
            if self._key is None or self._key[0] is not setting or self._key[1] != spool:
                self._stop_threads(0.0)
                self._senders = senders_of(setting, spool)
                self._key = (setting, spool)
            return self._senders

    def _start_or_wake(self) -> None:
        with self._mutex:
            if self._threads:
                for thread in self._threads:
                    thread.wake()
                return
            forks.backends.add(self)
            atexit.register(self.close)
            for sender in self._senders:
                if sender.interval is not None:
                    self._start(SenderThread(sender, lambda: self._is_paused))

    def _start(self, thread: SenderThread) -> None:
        try:
            thread.start()
        except RuntimeError as error:  # the process ends or has too many threads
            report("starting a thread that sends events", error)
        else:
            self._threads.append(thread)

    def close(self) -> None:
        """Stop the threads, because the process ends. The next process sends what waits."""
        self._is_closed = True
        with self._mutex:
            self._stop_threads(EXIT_TIMEOUT)

    def _stop_threads(self, timeout: float) -> None:
        threads, self._threads = self._threads, []
        deadline = time.monotonic() + timeout
        for thread in threads:
            thread.stop()
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    # Forks

    def pause(self, timeout: float) -> bool:
        """Wait for the end of the running batches, and prevent others until ``resume()``."""
        deadline = time.monotonic() + timeout
        self._is_paused = True
        for thread in self._threads:
            if not thread.round.acquire(timeout=max(0.0, deadline - time.monotonic())):
                self.resume()
                return False
            self._held.append(thread)
        return True

    def resume(self) -> None:
        """Allow rounds again."""
        self._is_paused = False
        while self._held:
            self._held.pop().round.release()

    def reset_after_fork(self) -> None:
        """Start over in the child, because threads and locks do not survive a fork."""
        for thread in self._threads:
            thread.forget_lock()
        self._begin()


forwarder = Forwarder()
