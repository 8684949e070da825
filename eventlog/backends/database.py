from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from asgiref.sync import sync_to_async
from django.db import DataError, IntegrityError, connections, router, transaction

from ..models import Log
from ..records import Record
from ..signals import event_logged
from .base import BaseBackend


class DatabaseBackend(BaseBackend):
    """Writes each event to the database at once, in the caller's transaction if there is one."""

    def write(self, records: Sequence[Record]) -> Sequence[Log]:
        return _announce(_insert(records))

    def write_apart(self, records: Sequence[Record]) -> Sequence[Log]:
        return _announce(_insert_apart(records))

    async def awrite(self, records: Sequence[Record]) -> Sequence[Log]:
        return await _aannounce(await sync_to_async(_insert)(records))

    async def awrite_apart(self, records: Sequence[Record]) -> Sequence[Log]:
        return await _aannounce(await sync_to_async(_insert_apart)(records))


def _announce(rows: Sequence[Log]) -> Sequence[Log]:
    for row in rows:
        event_logged.send_robust(sender=Log, event=row)
    return rows


async def _aannounce(rows: Sequence[Log]) -> Sequence[Log]:
    for row in rows:
        await event_logged.asend_robust(sender=Log, event=row)
    return rows


def _insert(records: Sequence[Record]) -> Sequence[Log]:
    return [_insert_one(record) for record in records]


def _insert_apart(records: Sequence[Record]) -> Sequence[Log]:
    with _untouched_transaction(router.db_for_write(Log)):
        return _insert(records)


def _insert_one(record: Record) -> Log:
    row = Log.from_record(record)
    using = router.db_for_write(Log, instance=row)
    try:
        row.save(using=using, force_insert=True)
    except (IntegrityError, DataError, OverflowError):
        # A user who was deleted meanwhile, or was never in the table, must not take the event
        # along. In a transaction it is too late: the key is checked at its end, or it is spoiled.
        if row.user_id is None or connections[using].in_atomic_block:
            raise
        row = Log.from_record(replace(record, user_id=None))
        row.save(using=using, force_insert=True)
    return row


@contextmanager
def _untouched_transaction(using: str) -> Iterator[None]:
    """If the block fails, the transaction around it goes on as if it had not been tried.

    Outside a transaction this costs nothing. PostgreSQL gives a transaction up at the first
    error, so there it takes a savepoint; elsewhere it is enough not to leave Django's mark.
    """
    connection = connections[using]
    if not connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(using=using):
            yield
    else:
        doomed = transaction.get_rollback(using)
        try:
            yield
        except Exception:
            transaction.set_rollback(doomed, using)
            raise
