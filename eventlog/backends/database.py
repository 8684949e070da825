from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from asgiref.sync import sync_to_async
from django.db import DataError, IntegrityError, connections, router, transaction

from ..models import Log
from ..records import Record
from .base import BaseBackend
from .rows import Written, aannounce, announce, insert, rows_of, somebody_listens


class DatabaseBackend(BaseBackend):
    """Writes each event to the database at once, in the caller's transaction if there is one."""

    def write(self, records: Sequence[Record]) -> Sequence[Log]:
        announce(rows := rows_of(_insert(records)))
        return rows

    async def awrite(self, records: Sequence[Record]) -> Sequence[Log]:
        await aannounce(rows := await sync_to_async(lambda: rows_of(_insert(records)))())
        return rows

    def write_apart(self, records: Sequence[Record]) -> None:
        announce(_insert_apart(records))

    async def awrite_apart(self, records: Sequence[Record]) -> None:
        await aannounce(await sync_to_async(_insert_apart)(records))


def _insert(records: Sequence[Record]) -> list[Written]:
    using = router.db_for_write(Log)
    return [_insert_one(record, using) for record in records]


def _insert_one(record: Record, using: str) -> Written:
    try:
        return insert(record, using)
    except (IntegrityError, DataError, OverflowError):
        # A user who was deleted meanwhile, or was never in the table, must not take the event
        # along. In a transaction, insert() sees to that, and it may be spoiled.
        if record.user_id is None or connections[using].in_atomic_block:
            raise
    return insert(record._replace(user_id=None), using)


def _insert_apart(records: Sequence[Record]) -> Sequence[Log]:
    """Insert them; the rows if anybody wants to hear of them."""
    with _savepoint(router.db_for_write(Log)):
        written = _insert(records)
    return rows_of(written) if somebody_listens() else ()


def _savepoint(using: str) -> AbstractContextManager[None]:
    """A transaction that the caller is in goes on if the block fails.

    Only PostgreSQL gives a whole transaction up at the first error.
    """
    connection = connections[using]
    if connection.in_atomic_block and connection.vendor == "postgresql":
        return transaction.atomic(using=using)
    return nullcontext()
