"""Writing batches of events exactly once."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple, TypeVar

from django.db import DataError, IntegrityError, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from ...models.delivered_batch import DeliveredBatch
from ...models.event import Log
from ...models.hourly import CountedHour
from ...partitions.missing import MissingPartition, is_awaited, is_missing_partition
from ...records.columns import Columns
from ...records.record import Record
from ..spool import Rejected
from .insert import Stored, bulk_inserter, insert
from .send_signals import has_receivers, make_rows_and_send_post_save, send_event_logged

BATCH_ID_LIFETIME = timedelta(days=30)  # from the time that the rows were written
MAX_PRUNED_IDS = 500  # in one statement
MIN_RENEWED_AGE = timedelta(days=1)  # of a batch id that is renewed

# Errors that the values of a row cause.
ROW_ERRORS = (DataError, IntegrityError, OverflowError, ValueError, TypeError)
# PostgreSQL's class of errors about limits, such as the size of an index row.
PROGRAM_LIMIT_EXCEEDED = "54"
# MySQL's errors for a character outside the character set of a column and for invalid JSON, which
# mysqlclient raises as OperationalError.
INVALID_VALUE_ERRNOS = (1366, 3140)

ReadChunks = Callable[[], Iterable[Sequence[str]]]  # may be called again for a second attempt
DeadLetter = Callable[[str, Sequence[Rejected]], None]
R = TypeVar("R")  # a parsed chunk


class WriteResult(NamedTuple):
    """The outcome of writing a chunk."""

    rejected: Sequence[Rejected] = ()
    stored: Sequence[Stored] = ()  # empty if no receiver is connected
    timestamps: Iterable[datetime] = ()  # of events whose hours are to be marked as stale


class DuplicateBatch(Exception):  # noqa: N818 (it is good news)
    """The batch was delivered before."""


def deliver(batch_id: str, read: ReadChunks, using: str, dead_letter: DeadLetter) -> None:
    """Write the events of a batch, unless it was written before.

    ``read`` returns the lines in chunks. ``dead_letter`` is called with the batch id and the lines
    that no database accepts, before the other lines are committed. Raises the errors of a database
    that is down, ``MissingPartition``, and the errors of ``dead_letter``. No row is written then,
    and the batch can be delivered again.
    """
    try:
        try:
            stored = _write(batch_id, read, using, _columns, _all_at_once, dead_letter)
        except Exception as error:
            if not is_row_error(error):
                raise
            stored = _write(batch_id, read, using, list, _one_by_one, dead_letter)
    except DuplicateBatch:
        _renew(batch_id, using)
        return
    if stored:
        send_event_logged(make_rows_and_send_post_save(stored), stored)


def is_row_error(error: Exception) -> bool:
    """Return whether the values of a row cause the error, so that other rows can be written."""
    code = getattr(error.__cause__, "sqlstate", None) or ""
    number = error.args[0] if error.args else None
    return (
        isinstance(error, ROW_ERRORS)
        or code.startswith(PROGRAM_LIMIT_EXCEEDED)
        or number in INVALID_VALUE_ERRNOS
    )


def _write(
    batch_id: str,
    read: ReadChunks,
    using: str,
    parse: Callable[[Sequence[str]], R],
    writing: Callable[[BaseDatabaseWrapper], AbstractContextManager[Callable[[R], WriteResult]]],
    dead_letter: DeadLetter,
) -> Sequence[Stored]:
    connection = connections[using]
    count = 0
    rejected: list[Rejected] = []
    stored: list[Stored] = []
    timestamps: list[datetime] = []
    chunks: Iterable[tuple[int, R]] = ((len(lines), parse(lines)) for lines in read())
    if connection.vendor == "sqlite":
        # SQLite has one writer at a time. Chunks are read before the transaction, because the pacer
        # sleeps between them.
        chunks = list(chunks)
    # Durable, because an outer transaction could be rolled back with the events.
    with transaction.atomic(using=using, durable=True):
        _claim_batch_id(batch_id, connection)
        with writing(connection) as write:
            for length, chunk in chunks:
                result = write(chunk)
                count += length
                rejected += result.rejected
                stored += result.stored
                timestamps += result.timestamps
        # Last, because other transactions wait for the locks on these rows.
        CountedHour.mark_stale(timestamps, using)
        DeliveredBatch.objects.using(using).filter(pk=batch_id).update(count=count - len(rejected))
        if rejected:
            dead_letter(batch_id, rejected)
    return stored


def _claim_batch_id(batch_id: str, connection: BaseDatabaseWrapper) -> None:
    """Insert the batch id in the transaction of the rows; raise ``DuplicateBatch`` if it exists."""
    quote = connection.ops.quote_name
    ignore = "IGNORE" if connection.vendor == "mysql" else ""
    nothing = "" if connection.vendor == "mysql" else "ON CONFLICT DO NOTHING"
    columns = ", ".join(map(quote, ("id", "count", "written")))
    statement = (
        f"INSERT {ignore} INTO {quote(DeliveredBatch._meta.db_table)} ({columns}) "  # noqa: S608 (names of models)
        f"VALUES (%s, 0, %s) {nothing}"
    )
    written = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(statement, (batch_id, written))
        if cursor.rowcount == 0:
            raise DuplicateBatch


def _renew(batch_id: str, using: str) -> None:
    """Extend the lifetime of a batch id, because its segment could not be deleted."""
    now = timezone.now()
    DeliveredBatch.objects.using(using).filter(
        pk=batch_id, written__lt=now - MIN_RENEWED_AGE
    ).update(written=now)


_columns = Columns.from_json_lines  # raises ValueError if a line is not an event


@contextmanager
def _all_at_once(connection: BaseDatabaseWrapper) -> Iterator[Callable[[Columns], WriteResult]]:
    """Insert whole chunks; raise one of ``ROW_ERRORS``, maybe at the commit, for an invalid row."""
    if has_receivers():
        yield lambda columns: WriteResult(
            stored=[insert(Record._make(row), connection.alias) for row in columns.rows()]
        )
        return
    with bulk_inserter(connection) as insert_many:

        def write(columns: Columns) -> WriteResult:
            insert_many(columns)
            return WriteResult(timestamps=columns.moments())

        yield write


@contextmanager
def _one_by_one(
    connection: BaseDatabaseWrapper,
) -> Iterator[Callable[[Sequence[str]], WriteResult]]:
    if connection.vendor == "postgresql":
        # Foreign keys are checked at each row, so that the invalid row is known.
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    yield partial(_write_lines, connection)


def _write_lines(connection: BaseDatabaseWrapper, lines: Sequence[str]) -> WriteResult:
    parsed, rejected = _parse(lines)
    stored: list[Stored] = []
    for line, record in parsed:
        try:
            with transaction.atomic(using=connection.alias):
                stored.append(insert(record, connection.alias))
        except Exception as error:
            if not is_row_error(error):
                raise
            if is_missing_partition(error) and is_awaited(record.timestamp, connection):
                raise MissingPartition(record.timestamp) from error
            rejected.append(Rejected(line, f"{type(error).__name__}: {error}"))
    return WriteResult(rejected, stored if has_receivers() else ())


Parsed = list[tuple[str, Record]]


def _parse(lines: Sequence[str]) -> tuple[Parsed, list[Rejected]]:
    parsed: Parsed = []
    rejected: list[Rejected] = []
    for line in lines:
        try:
            parsed.append((line, Record.from_json(line)))
        except (ValueError, TypeError) as error:
            rejected.append(Rejected(line, f"{type(error).__name__}: {error}"))
    return parsed, rejected


def delivered_batches(batch_ids: Sequence[str], using: str | None = None) -> set[str]:
    """Return the ids of the batches whose rows are in the database."""
    using = using or router.db_for_write(Log)
    found = DeliveredBatch.objects.using(using).filter(pk__in=batch_ids)
    return set(found.values_list("pk", flat=True))


def prune_batch_ids(existing: Collection[str], using: str | None = None) -> None:
    """Delete old batch ids, except the ids of ``existing`` segments."""
    using = using or router.db_for_write(Log)
    old = DeliveredBatch.objects.using(using).filter(written__lt=timezone.now() - BATCH_ID_LIFETIME)
    ids = [pk for pk in old.values_list("pk", flat=True) if pk not in existing]
    for start in range(0, len(ids), MAX_PRUNED_IDS):
        DeliveredBatch.objects.using(using).filter(
            pk__in=ids[start : start + MAX_PRUNED_IDS]
        ).delete()
