"""The default backend, which writes each event at once."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connections,
    router,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper

from ..models.event import Log
from ..records.record import Record
from .base import BaseBackend
from .sql.insert import Stored, insert
from .sql.pending_keys import insert_without_waiting
from .sql.send_signals import (
    asend_event_logged,
    has_receivers,
    make_rows_and_send_post_save,
    send_event_logged,
)

# CR_SERVER_GONE_ERROR, CR_SERVER_LOST, CR_SERVER_LOST_EXTENDED; 0 is a closed socket.
MYSQL_LOST = (2006, 2013, 2055, 0)
R = TypeVar("R")


class DatabaseBackend(BaseBackend):
    """Write each event to the database at once, in the caller's transaction if there is one."""

    def write(self, records: Sequence[Record]) -> Sequence[Log]:
        stored = _insert(records)
        send_event_logged(rows := make_rows_and_send_post_save(stored), stored)
        return rows

    def write_without_rows(self, records: Sequence[Record]) -> None:
        stored = _insert(records)
        if has_receivers():
            send_event_logged(make_rows_and_send_post_save(stored), stored)

    async def awrite(self, records: Sequence[Record]) -> Sequence[Log]:
        rows, stored = await sync_to_async(_insert_and_make_rows)(records)
        await asend_event_logged(rows, stored)
        return rows

    def write_isolated(self, records: Sequence[Record]) -> None:
        rows, stored = _insert_isolated(records)
        send_event_logged(rows, stored)

    async def awrite_isolated(self, records: Sequence[Record]) -> None:
        rows, stored = await sync_to_async(_insert_isolated)(records)
        await asend_event_logged(rows, stored)

    def write_without_waiting(
        self, records: Sequence[Record], on_locked: Callable[[], None]
    ) -> Sequence[Log]:
        """Write the records without waiting for locks on their users, content types and hours.

        ``on_locked`` is called before the method waits for a lock on a table.
        """
        using = router.db_for_write(Log)
        stored = [insert_without_waiting(record, using, on_locked) for record in records]
        send_event_logged(rows := make_rows_and_send_post_save(stored), stored)
        return rows


def _insert(records: Sequence[Record]) -> list[Stored]:
    using = router.db_for_write(Log)
    return [_insert_one(record, using) for record in records]


def _insert_and_make_rows(records: Sequence[Record]) -> tuple[Sequence[Log], list[Stored]]:
    return make_rows_and_send_post_save(stored := _insert(records)), stored


def _insert_one(record: Record, using: str) -> Stored:
    try:
        return _with_new_connection_if_broken(lambda: insert(record, using), using)
    except (IntegrityError, DataError, OverflowError):
        # The user may be deleted, and the event must not be lost. Inside a transaction, insert()
        # handles deleted users, and the failed statement may have broken the transaction.
        if record.user_id is None or connections[using].in_atomic_block:
            raise
    return insert(record._replace(user_id=None), using)


def _with_new_connection_if_broken(operation: Callable[[], R], using: str) -> R:
    """Run ``operation``, and run it again if the server had closed the connection.

    Django closes unusable connections only between requests, which a script does not have.
    """
    try:
        return operation()
    except (OperationalError, InterfaceError) as error:
        connection = connections[using]
        if connection.in_atomic_block or not _is_lost(connection, error):
            raise
        connection.close()
    return operation()


def _is_lost(connection: BaseDatabaseWrapper, error: Exception) -> bool:
    if connection.connection is None:  # the server could not be reached
        return False
    # is_usable() makes PyMySQL connect again, so the error code is checked first.
    has_mysql_code = connection.vendor == "mysql" and (error.args or (None,))[0] in MYSQL_LOST
    return has_mysql_code or not connection.is_usable()


def _insert_isolated(records: Sequence[Record]) -> tuple[Sequence[Log], list[Stored]]:
    """Insert the records; return rows only if there are receivers."""
    with _savepoint(router.db_for_write(Log)):
        stored = _insert(records)
    return (make_rows_and_send_post_save(stored), stored) if has_receivers() else ((), [])


def _savepoint(using: str) -> AbstractContextManager[None]:
    """Return a savepoint if an error in the block would abort the caller's transaction.

    Only PostgreSQL aborts a whole transaction at the first error.
    """
    connection = connections[using]
    if connection.in_atomic_block and connection.vendor == "postgresql":
        return transaction.atomic(using=using)
    return nullcontext()
