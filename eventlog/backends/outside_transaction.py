"""Writing an event that is kept even if the caller's transaction is rolled back."""

from collections.abc import Callable
from functools import partial
from threading import Event, Thread
from typing import Any

from django.db import OperationalError, connections, transaction

from ..error_log import report
from ..records.record import Record
from . import destinations
from .base import BaseBackend
from .database import DatabaseBackend
from .sql.pending_keys import fill_in_keys, is_lock_error

WRITE_TIMEOUT = 5.0  # seconds that the caller waits for the row
MAX_ATTEMPTS = 12  # each as long as the database's own lock timeout
CALLER = "log(durability='always')"


def write_outside_transaction(
    backend: BaseBackend,
    record: Record,
    using: str,
    on_error: Callable[[], None] = lambda: None,
) -> None:
    """Write the record on another connection than the connection of the transaction.

    A failure is reported, and ``on_error`` is called. SQLite has one writer at a time, so the event
    is written when the transaction ends. In a ``TestCase``, the event is written in the test's own
    transaction as soon as the inner transaction ends, so that no later test sees it.
    """
    connection: Any = connections[using]
    if is_in_testcase(connection):
        _after_inner_blocks(connection, partial(_write, backend.write, record, on_error))
        return
    schema = destinations.schema_of(using)
    write: Callable[[list[Record]], Any] = backend.write
    released = Event()  # set when the caller may go on
    if connection.vendor != "sqlite" and isinstance(backend, DatabaseBackend):
        # The caller may hold locks on the user, the content type and the hour of the event.
        write = partial(backend.write_without_waiting, on_locked=released.set)
        transaction.on_commit(partial(fill_in_keys, using), using=using, robust=True)
    task = partial(_write, write, record, on_error, attempts=MAX_ATTEMPTS)
    thread = Thread(target=_in_thread, args=(task, using, schema, released), name="eventlog-always")
    thread.start()
    if connection.vendor != "sqlite":
        released.wait(WRITE_TIMEOUT)


def is_in_testcase(connection: Any) -> bool:
    """Return whether Django's ``TestCase`` has opened the outermost transaction.

    ``_from_testcase`` is private. Django 5.2 to 6.1 use it to let ``durable`` blocks run in tests.
    """
    blocks = connection.atomic_blocks
    return bool(blocks) and bool(getattr(blocks[0], "_from_testcase", False))


def _after_inner_blocks(connection: Any, write: Callable[[], None]) -> None:
    """Call ``write`` when the atomic blocks inside the blocks of a ``TestCase`` have ended."""
    testcase_blocks = sum(block._from_testcase for block in connection.atomic_blocks)
    if testcase_blocks == len(connection.atomic_blocks):
        write()
        return
    depth = testcase_blocks - 1  # the outermost block has no savepoint

    def wrapper(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        is_over = len(connection.savepoint_ids) <= depth
        ends_block = str(sql).startswith(("ROLLBACK TO", "RELEASE"))
        if is_over and not ends_block:
            finish()
        result = execute(sql, params, many, context)
        if is_over and str(sql).startswith("RELEASE"):
            finish()
        return result

    def finish() -> None:
        if wrapper not in connection.execute_wrappers:  # another event of the same block removed it
            return
        connection.execute_wrappers.remove(wrapper)
        if len(connection.savepoint_ids) == depth:  # otherwise the test itself has ended
            write()

    connection.execute_wrappers.append(wrapper)


def _in_thread(task: Callable[[], None], using: str, schema: str, released: Event) -> None:
    try:
        with destinations.in_schema(connections[using], schema):
            task()
    finally:
        connections.close_all()
        released.set()


def _write(
    write: Callable[[list[Record]], Any],
    record: Record,
    on_error: Callable[[], None],
    *,
    attempts: int = 1,
) -> None:
    try:
        for _ in range(attempts - 1):
            try:
                write([record])
            except OperationalError as error:
                if not is_lock_error(error):
                    raise
                connections.close_all()
            else:
                return
        write([record])
    except Exception as error:  # noqa: BLE001 (the thread has no caller)
        report(CALLER, error)
        on_error()
