from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from asgiref.sync import sync_to_async
from django.db import DataError, IntegrityError, connections, router, transaction
from django.db.models.signals import post_save

from ..models import Log
from ..records import Record
from ..signals import event_logged
from .base import BaseBackend
from .rows import insert

Written = tuple[Record, int]  # a record as it was stored, and its primary key


class DatabaseBackend(BaseBackend):
    """Writes each event to the database at once, in the caller's transaction if there is one."""

    def write(self, records: Sequence[Record]) -> Sequence[Log]:
        rows = _rows(_insert(records))
        for row in rows:
            event_logged.send_robust(sender=Log, event=row)
        return rows

    async def awrite(self, records: Sequence[Record]) -> Sequence[Log]:
        rows = await sync_to_async(lambda: _rows(_insert(records)))()
        for row in rows:
            await event_logged.asend_robust(sender=Log, event=row)
        return rows

    def write_apart(self, records: Sequence[Record]) -> None:
        for row in _insert_apart(records):
            event_logged.send_robust(sender=Log, event=row)

    async def awrite_apart(self, records: Sequence[Record]) -> None:
        for row in await sync_to_async(_insert_apart)(records):
            await event_logged.asend_robust(sender=Log, event=row)


def _insert(records: Sequence[Record]) -> list[Written]:
    using = router.db_for_write(Log)
    return [_insert_one(record, using) for record in records]


def _insert_one(record: Record, using: str) -> Written:
    try:
        return record, insert(record, using)
    except (IntegrityError, DataError, OverflowError):
        # A user who was deleted meanwhile, or was never in the table, must not take the event
        # along. In a transaction it is too late: the key is checked at its end, or it is spoiled.
        if record.user_id is None or connections[using].in_atomic_block:
            raise
    record = replace(record, user_id=None)
    return record, insert(record, using)


def _insert_apart(records: Sequence[Record]) -> Sequence[Log]:
    """Insert them; the rows if anybody wants to hear of them."""
    with _savepoint(router.db_for_write(Log)):
        written = _insert(records)
    if event_logged.has_listeners(Log) or post_save.has_listeners(Log):
        return _rows(written)
    return ()


def _rows(written: Sequence[Written]) -> Sequence[Log]:
    rows = [Log.from_record(record, pk) for record, pk in written]
    # Sites that come from pinax-eventlog may listen to Django's own signal.
    if post_save.has_listeners(Log):
        for row in rows:
            post_save.send(
                sender=Log,
                instance=row,
                created=True,
                raw=False,
                using=row._state.db,
                update_fields=None,
            )
    return rows


def _savepoint(using: str) -> AbstractContextManager[None]:
    """A transaction that the caller is in goes on if the block fails.

    Only PostgreSQL gives a whole transaction up at the first error.
    """
    connection = connections[using]
    if connection.in_atomic_block and connection.vendor == "postgresql":
        return transaction.atomic(using=using)
    return nullcontext()
