"""Gather events on local disk, and write them in batches from a thread of its own."""

import atexit
import os
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from asgiref.sync import sync_to_async
from django.core.checks import CheckMessage
from django.db import connections, router
from django.utils import timezone

from ..models import Log
from ..records import Record
from ..reporting import logger, report
from . import forks
from .base import BaseBackend
from .beside import write_beside
from .courier import Courier
from .database import DatabaseBackend
from .delivery import deliver, forget_old_batches
from .folder import check_folder, default_folder
from .spool import Batch, Rejected, Spool, Waiting

OnFull = Literal["drop", "inline", "block"]

PRUNE_EVERY = 3600.0  # seconds between two looks for old ids of batches
GLANCE, REST = 0.1, 1.0  # seconds until settle() looks again, where it can deliver or cannot
ALMOST_NOTHING = 64  # that part of max_bytes need not be measured but by the thread, in its rounds
DROPPED = "EVENTLOG_DROPPED"


class BufferedBackend(BaseBackend):
    """An event is on local disk before the response leaves, and in the database soon after.

    ``spool``: the folder; put it where a deploy does not wipe it. ``batch_size``: events, at most.
    ``interval``: seconds from one delivery to the next, at most; None delivers on ``flush()`` and
    ``manage.py eventlog_spool deliver`` alone. ``max_bytes``: of all that waits. ``on_full`` says
    what then happens, or when the disk is full: ``"drop"`` (and count) the newest, write it
    ``"inline"``, or ``"block"`` for ``block_timeout`` seconds first. ``fsync``: survive power cuts,
    at the price of a disk's flush for each event. ``exit_timeout``: seconds for what waits when
    the process ends; the rest is left for the next one.
    """

    deferred = True

    def __init__(
        self,
        *,
        spool: str | os.PathLike[str] | None = None,
        batch_size: int = 5000,
        interval: float | None = 5.0,
        max_bytes: int = 1024**3,
        on_full: OnFull = "drop",
        block_timeout: float = 1.0,
        fsync: bool = False,
        exit_timeout: float = 5.0,
    ) -> None:
        for name, count in (("batch_size", batch_size), ("max_bytes", max_bytes)):
            if type(count) is not int or count < 1:
                raise ValueError(f"{name} is {count!r}; it has to be a whole number, 1 or more")
        if interval is not None and not (is_seconds(interval) and interval > 0):
            raise ValueError(f"interval is {interval!r}; it has to be a number of seconds, or None")
        for name, value in (("block_timeout", block_timeout), ("exit_timeout", exit_timeout)):
            if not is_seconds(value):
                raise ValueError(f"{name} is {value!r}; it has to be a number of seconds")
        if on_full not in get_args(OnFull):
            raise ValueError(f"on_full is {on_full!r}; give one of {', '.join(get_args(OnFull))}")
        self._folder_is_chosen = spool is not None
        folder = default_folder() if spool is None else Path(spool)
        self.spool = Spool(folder, batch_size=batch_size, fsync=fsync)
        self.courier = Courier(self.spool, self, interval=interval, exit_timeout=exit_timeout)
        self._max_bytes = max_bytes
        self._unmeasured = 0 if interval is None else max_bytes // ALMOST_NOTHING
        self._on_full = on_full
        self._block_timeout = block_timeout
        self._fsync = fsync
        self._inline = DatabaseBackend()
        self._enlisted = False
        self._count_anew()

    def _count_anew(self) -> None:
        self._known_bytes = 0  # of the spool, when it was last measured, and what we added
        self._dropped = 0
        self._told_dropped = 0
        self._next_pruning = self._next_measure = 0.0

    def _enlist(self) -> None:
        """From now on there is something to look after in forks and at the end."""
        self._enlisted = True
        forks.alive.add(self)
        atexit.register(self.close)

    # The request path

    def write(self, records: Sequence[Record]) -> Sequence[Log]:
        for record in records:
            self._keep(record)
        return ()

    async def awrite(self, records: Sequence[Record]) -> Sequence[Log]:
        # An append takes microseconds; waiting for a disk or for room may take long.
        if self._fsync or self._on_full != "drop":
            return await sync_to_async(self._write_in_thread, thread_sensitive=False)(records)
        return self.write(records)

    def _write_in_thread(self, records: Sequence[Record]) -> Sequence[Log]:
        try:
            return self.write(records)
        finally:
            connections.close_all()  # of a write "inline": in such a thread nobody else does it

    def _keep(self, record: Record) -> None:
        line = record.to_json()
        deadline: float | None = None
        while not self._append(line):
            if self._on_full == "block":
                now = time.monotonic()
                deadline = deadline or now + self._block_timeout
                if now < deadline:
                    self.courier.hurry()
                    time.sleep(0.01)
                    self._next_measure = 0.0
                    continue
            elif self._on_full == "inline":
                self._write_inline(record)
                return
            self._drop()
            return

    def _write_inline(self, record: Record) -> None:
        using = router.db_for_write(Log)
        if connections[using].in_atomic_block:  # of which an event in a spool is no part
            write_beside(self._inline, record, using, lost=self._drop)
            return
        try:
            self._inline.write_apart([record])
        except Exception as error:  # noqa: BLE001 (then it is lost, and is counted)
            report("writing an event inline", error)
            self._drop()

    def _append(self, line: str) -> bool:
        """Whether there was room for the event."""
        forks.notice()
        if not self._enlisted:
            self._enlist()
        try:
            if self._known_bytes + len(line) > self._max_bytes and not self._has_room(len(line)):
                return False
            complete = self.spool.append(line)
        except OSError as error:
            report("spooling an event", error)
            return False
        self._known_bytes += len(line) + 1
        if complete:
            if self._known_bytes > self._unmeasured:
                self.measure()  # what the others added
            self.courier.hurry()
        if self.courier.thread is None:
            self.start()
        return True

    def _has_room(self, length: int) -> bool:
        """Look again, once a second at most: another process may have delivered."""
        now = time.monotonic()
        if now >= self._next_measure:
            self._next_measure = now + 1.0
            self._known_bytes = self.spool.size()
        return self._known_bytes + length <= self._max_bytes

    def _drop(self) -> None:
        self._dropped += 1
        if self._dropped == 1:
            logger.error("The spool %s is full: events are dropped, and counted", self.spool.folder)
        if self.courier.thread is None:
            self.start()

    # What the courier asks for

    def hand_over(self, batch: Batch) -> None:
        deliver(batch.id, partial(self.courier.pieces, batch), self.set_aside)
        batch.done()

    def before_round(self) -> None: ...

    def after_round(self) -> None:
        now = time.monotonic()
        if now >= self._next_pruning:
            forget_old_batches()
            self._next_pruning = now + PRUNE_EVERY
        self._tell_of_dropped()  # now that there is room

    def urgent(self) -> bool:
        return self._known_bytes > self._max_bytes / 4

    def measure(self) -> None:
        self._known_bytes = self.spool.size()

    def set_aside(self, batch_id: str, rejected: Sequence[Rejected]) -> None:
        self.spool.set_aside(batch_id, rejected)
        logger.error(
            "%d events were set aside in %s, the first because of %s",
            len(rejected),
            self.spool.folder,
            rejected[0].reason,
        )

    def _tell_of_dropped(self) -> None:
        """Log how many events were dropped, as an event, when there is room for it."""
        count = self._dropped - self._told_dropped
        if count == 0:
            return
        record = Record.build(None, DROPPED, {"count": count}, None, timezone.now())
        try:
            self.spool.append(record.to_json())
        except OSError:
            return
        self._told_dropped += count

    # Around a fork

    def make_way(self, patience: float) -> bool:
        return self.courier.make_way(patience)

    def let_go(self) -> None:
        self.courier.let_go()

    def begin(self) -> None:
        self.spool.forget()
        self.courier.begin()
        self._count_anew()

    # From outside

    def start(self) -> None:
        """Begin to deliver in the background, also what an earlier process left."""
        forks.notice()
        if not self._enlisted:
            self._enlist()
        self.courier.start()

    def flush(self, timeout: float | None = None) -> bool:
        forks.notice()
        deadline = None if timeout is None else time.monotonic() + timeout
        return self.courier.deliver(deadline, adopt=True)

    def settle(self, timeout: float, *, sent: bool = True) -> bool:
        """Wait until all that waits on this machine now is written, by whichever process.

        What another one is writing to, it completes within its ``interval``; within ``SEAL_EVERY``
        without one. ``sent``: also until a worker has written what a broker has.
        """
        deadline = time.monotonic() + timeout
        waiting = self.spool.ids(sent=sent)
        while True:
            delivered = self.flush(max(0.0, deadline - time.monotonic()))
            waiting &= self.spool.ids(sent=sent)
            if not waiting or time.monotonic() >= deadline:
                return not waiting
            time.sleep(GLANCE if delivered else REST)

    def close(self) -> None:
        """Deliver what there is time for; the rest stays on disk."""
        forks.notice()
        atexit.unregister(self.close)
        forks.alive.discard(self)
        self.courier.close()
        self._tell_of_dropped()  # the next process delivers it
        self.spool.seal()

    def status(self) -> Waiting:
        """What waits on this machine, from all its processes."""
        return self.spool.waiting()

    def check(self) -> list[CheckMessage]:
        return list(check_folder(self.spool.folder, chosen=self._folder_is_chosen))


def is_seconds(value: object) -> bool:
    """Whether an option is a stretch of time that a process can wait."""
    return isinstance(value, int | float) and 0 <= value <= threading.TIMEOUT_MAX
