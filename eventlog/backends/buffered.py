"""Append events to files on local disk, and write them in batches from a thread."""

import atexit
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from asgiref.sync import sync_to_async
from django.core.checks import CheckMessage
from django.db import connections, router

from ..error_log import report
from ..models.event import Log
from ..records.record import Record
from . import destinations
from .base import BaseBackend
from .database import DatabaseBackend
from .delivery import forks
from .delivery.segments import SegmentDelivery
from .delivery.worker import DeliveryWorker
from .losses import FAILED_INLINE, Losses
from .options import OnFull, OnUnwritable, validate_options
from .outside_transaction import write_outside_transaction
from .spool import Rejected, Spool, SpoolFull, Status
from .spool.directory import check_directory, default_directory

# Seconds between two looks of wait_until_delivered() at the spool; the second one after a failure.
DELIVERED_POLL_INTERVAL, FAILED_POLL_INTERVAL = 0.1, 1.0
ROOM_POLL_INTERVAL = 0.01  # seconds between two tries while on_full="block" waits for room
# Below this share of max_bytes, only the rounds of delivery measure the directory.
UNMEASURED_SHARE = 1 / 64


class BufferedBackend(BaseBackend):
    """Append events to a file before the response leaves; write them to the database soon after.

    ``spool``: the directory; choose one that deploys do not delete. ``batch_size`` and
    ``batch_bytes``: the limits of a batch. ``interval``: the most seconds from one delivery to the
    next; None delivers only on ``flush()`` and ``manage.py eventlog_spool deliver``. ``max_bytes``:
    the limit of the spool. ``on_full`` applies at this limit, and when the disk is full:
    ``"drop"`` drops and counts the event, ``"inline"`` writes it to the database at once, and
    ``"block"`` waits up to ``block_timeout`` seconds for room before it drops the event.
    ``on_unwritable``, ``"inline"`` or ``"drop"``, applies if the directory is not writable.
    ``fsync``: flush each event to disk. ``exit_timeout``: maximum seconds of delivery at exit.
    """

    deferred = True

    def __init__(
        self,
        *,
        spool: str | os.PathLike[str] | None = None,
        batch_size: int = 5000,
        batch_bytes: int = 8 << 20,
        interval: float | None = 5.0,
        max_bytes: int = 1 << 30,
        on_full: OnFull = "drop",
        on_unwritable: OnUnwritable = "inline",
        block_timeout: float = 1.0,
        fsync: bool = False,
        exit_timeout: float = 5.0,
    ) -> None:
        validate_options(locals())
        self._has_own_directory = spool is not None
        self.spool = Spool(
            default_directory() if spool is None else Path(spool),
            batch_size=batch_size,
            batch_bytes=batch_bytes,
            max_bytes=max_bytes,
            fsync=fsync,
        )
        self._delivery = self.make_delivery(self.spool)
        self._worker = DeliveryWorker(
            self.spool, self._delivery, interval=interval, exit_timeout=exit_timeout
        )
        self._unmeasured_bytes = 0 if interval is None else max_bytes * UNMEASURED_SHARE
        self._on_full = on_full
        self._on_unwritable = on_unwritable
        self._block_timeout = block_timeout
        # Unlike an append, a disk flush and waiting for room may take long.
        self._may_wait = fsync or on_full != "drop"
        self._inline = DatabaseBackend()
        self._losses = Losses()
        self._destination = ""  # of the newest event
        self._has_hooks = False

    def make_delivery(self, spool: Spool) -> SegmentDelivery:
        """Return the delivery of the segments of ``spool``."""
        return SegmentDelivery(spool, self.record_lost)

    def current_destination(self) -> str:
        """Return the destination of events that are logged now."""
        return destinations.current(router.db_for_write(Log))

    def _register_hooks(self) -> None:
        """Handle forks and the end of the process from now on."""
        self._has_hooks = True
        forks.backends.add(self)
        atexit.register(self.close)

    def write(self, records: Sequence[Record]) -> Sequence[Log]:
        for record in records:
            if (error := self._append(record)) is not None:
                self._write_elsewhere(record, error)
        return ()

    async def awrite(self, records: Sequence[Record]) -> Sequence[Log]:
        if self._may_wait:
            return await sync_to_async(self._write_in_thread, thread_sensitive=False)(records)
        for record in records:
            if (error := self._append(record)) is not None:
                if isinstance(error, SpoolFull) or self._on_unwritable == "drop":
                    self._drop(error)
                else:
                    await sync_to_async(self._write_in_thread, thread_sensitive=False)([record])
        return ()

    def _write_in_thread(self, records: Sequence[Record]) -> Sequence[Log]:
        try:
            return self.write(records)
        finally:
            connections.close_all()  # Django closes connections only in the threads of requests

    def _append(self, record: Record) -> OSError | None:
        """Append the event to the spool; return the error if the spool does not accept it."""
        forks.detect_fork()
        if not self._has_hooks:
            self._register_hooks()
        self._destination = destination = self.current_destination()
        try:
            is_complete = self.spool.append(record.to_json(), destination)
        except OSError as error:
            return error
        if self._losses.are_unrecorded:
            self._record_losses()
        if is_complete:
            if self.spool.known_bytes > self._unmeasured_bytes:
                self.spool.refresh_size()  # other processes add to the directory as well
            self._worker.wake()
        if self._worker.thread is None:
            self.start()
        return None

    def _write_elsewhere(self, record: Record, error: OSError) -> None:
        is_full = isinstance(error, SpoolFull)
        if is_full and self._on_full == "block" and self._wait_for_room(record):
            return
        if (self._on_full if is_full else self._on_unwritable) == "inline":
            self._write_inline(record, error)
        else:
            self._drop(error)

    def _wait_for_room(self, record: Record) -> bool:
        """Try for ``block_timeout`` seconds; return whether the event is in the spool."""
        deadline = time.monotonic() + self._block_timeout
        while time.monotonic() < deadline:
            self._worker.wake()
            time.sleep(ROOM_POLL_INTERVAL)
            self.spool.refresh_size()
            if self._append(record) is None:
                return True
        return False

    def _write_inline(self, record: Record, error: OSError) -> None:
        self._losses.report_inline(self.spool.directory, error)
        using = router.db_for_write(Log)
        if connections[using].in_atomic_block:  # spooled events are not part of transactions either
            on_error = partial(self._losses.count, FAILED_INLINE)
            write_outside_transaction(self._inline, record, using, on_error=on_error)
            return
        try:
            self._inline.write_isolated([record])
        except Exception as failure:  # noqa: BLE001 (the event is lost, and counted)
            report("writing an event inline", failure)
            self._losses.count(FAILED_INLINE)

    def _drop(self, error: OSError) -> None:
        self._losses.report_drop(self.spool.directory, error)
        if self._worker.thread is None:
            self.start()

    def record_lost(self, count: int) -> None:
        """Count events whose segments were removed from the spool before they were delivered."""
        self._losses.report_removed(self.spool.directory, count)

    def _record_losses(self) -> None:
        """Append events with the numbers of lost events, if there is room."""
        # Outside a request, the current schema may lack the table.
        destination = self._destination or self.current_destination()
        self._losses.record(lambda line: self.spool.append(line, destination))

    def dead_letter(self, destination: str, batch_id: str, rejected: Sequence[Rejected]) -> None:
        """Store lines that no database accepts."""
        self._delivery.dead_letter(destination, batch_id, rejected)

    def pause(self, timeout: float) -> bool:
        return self._worker.pause(timeout)

    def resume(self) -> None:
        self._worker.resume()

    def reset_after_fork(self) -> None:
        self.spool.reset()
        self._worker.reset()
        self._losses = Losses()

    def start(self) -> None:
        """Start the delivery thread, which also delivers the segments of earlier processes."""
        forks.detect_fork()
        if not self._has_hooks:
            self._register_hooks()
        self._worker.start()

    def flush(self, timeout: float | None = None) -> bool:
        forks.detect_fork()
        deadline = None if timeout is None else time.monotonic() + timeout
        is_complete = self._worker.run_once(deadline)
        if self._losses.are_unrecorded:  # there may be room now
            self._record_losses()
            is_complete = is_complete and self._worker.run_once(deadline)
        return is_complete

    def wait_until_delivered(self, timeout: float, *, in_flight: bool = True) -> bool:
        """Wait until all events that are in the spool now are written, by any process.

        Other processes complete their segments within ``interval``, or within ``ROTATE_INTERVAL``
        if ``interval`` is None. ``in_flight``: also wait for batches that a broker has.
        """
        deadline = time.monotonic() + timeout
        waiting = {
            name.id
            for name in self.spool.names(in_flight=in_flight)
            if not destinations.is_of_other_test_run(name.destination)
        }
        while True:
            delivered = self.flush(max(0.0, deadline - time.monotonic()))
            waiting &= self.spool.ids(in_flight=in_flight)
            if not waiting or time.monotonic() >= deadline:
                return not waiting
            time.sleep(DELIVERED_POLL_INTERVAL if delivered else FAILED_POLL_INTERVAL)

    def close(self) -> None:
        """Deliver within ``exit_timeout``; the rest stays on disk."""
        forks.detect_fork()
        atexit.unregister(self.close)
        forks.backends.discard(self)
        self._worker.close()
        if self._losses.are_unrecorded:
            self._record_losses()
        self.spool.rotate()
        self.spool.clean_up(destinations.is_abandoned)

    def status(self) -> Status:
        """Return the content of the spool."""
        return self.spool.status()

    def check(self) -> list[CheckMessage]:
        return list(check_directory(self.spool.directory, chosen=self._has_own_directory))
