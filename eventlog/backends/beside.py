"""In spite of the caller's transaction: an event on a connection of its own."""

from collections.abc import Callable
from threading import Thread

from django.db import OperationalError, connections

from ..records import Record
from ..reporting import report
from .base import BaseBackend

# Seconds to wait for the row, beside a transaction that may hold the table's lock.
PATIENCE = 5.0
TRIES = 12  # of SQLite's own timeout, while the transaction holds the one lock that there is


def write_beside(
    backend: BaseBackend, record: Record, using: str, lost: Callable[[], None] = lambda: None
) -> None:
    """Write the record, whatever becomes of the transaction on ``using``.

    A thread brings the connection. If it fails, that is reported, and ``lost`` is called there.
    """
    vendor = connections[using].vendor
    thread = Thread(target=_write, args=(backend, record, lost), name="eventlog-always")
    thread.start()
    if vendor != "sqlite":  # there it has to wait until the transaction is over
        thread.join(PATIENCE)


def _write(backend: BaseBackend, record: Record, lost: Callable[[], None]) -> None:
    try:
        for _ in range(TRIES - 1):
            try:
                backend.write([record])
            except OperationalError:
                connections.close_all()
            else:
                return
        backend.write([record])
    except Exception as error:  # noqa: BLE001 (nobody is there to catch it)
        report("log(durability='always')", error)
        lost()
    finally:
        connections.close_all()
