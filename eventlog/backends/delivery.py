"""Batches into the table, exactly once, the fastest way that each database offers."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

from django.db import DataError, IntegrityError, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from ..hours import RolledHour
from ..models import Batch, Log
from ..records import Columns, Record
from . import get_backend
from .rows import Written, announce, insert, inserting, rows_of, somebody_listens
from .spool import Rejected

REMEMBERED = timedelta(days=30)  # how long the id of a batch is kept after its rows were written

# What is wrong with a row, not with the database.
FAULTS_OF_A_ROW = (DataError, IntegrityError, OverflowError, ValueError, TypeError)
# PostgreSQL's class of errors of what goes over a limit, the size of an index row for one.
TOO_MUCH = "54"
# MySQL's for a character that the column's character set has not, and for JSON that is none:
# mysqlclient takes them for errors of the server.
UNFIT = (1366, 3140)


class Pieces(Protocol):
    """The lines of a batch, some at a time; asked again for a second try."""

    def __call__(self, *, locking: bool) -> Iterable[Sequence[str]]:
        """``locking``: others wait for what is locked until the last was read."""


SetAside = Callable[[str, Sequence[Rejected]], None]
R = TypeVar("R")  # a piece, as it is read


class Result(NamedTuple):
    """What came of a piece."""

    rejected: Sequence[Rejected] = ()
    written: Sequence[Written] = ()  # if somebody listens
    moments: Iterable[datetime] = ()  # of events whose hours are still to be marked


class AlreadyWritten(Exception):  # noqa: N818 (it is good news)
    """The batch was delivered before."""


def deliver(batch_id: str, pieces: Pieces, set_aside: SetAside) -> None:
    """Write the events of a batch, unless it was written before.

    The lines that no database will take are given to ``set_aside``, with the id of the batch,
    before the others are committed. Raises what a database that is down raises, and what
    ``set_aside`` raises: then nothing is written, and the batch can be delivered again.
    """
    try:
        try:
            written = _write(batch_id, pieces, _columns, _all_at_once, set_aside)
        except Exception as error:
            if not _is_fault_of_a_row(error):
                raise
            written = _write(batch_id, pieces, list, _one_by_one, set_aside)
    except AlreadyWritten:
        return
    if written:
        announce(rows_of(written))


def _is_fault_of_a_row(error: Exception) -> bool:
    code = getattr(error.__cause__, "sqlstate", None) or ""
    number = error.args[0] if error.args else None
    return isinstance(error, FAULTS_OF_A_ROW) or code.startswith(TOO_MUCH) or number in UNFIT


def _write(
    batch_id: str,
    pieces: Pieces,
    read: Callable[[Sequence[str]], R],
    writing: Callable[[BaseDatabaseWrapper], AbstractContextManager[Callable[[R], Result]]],
    set_aside: SetAside,
) -> Sequence[Written]:
    using = router.db_for_write(Log)
    connection = connections[using]
    count = 0
    rejected: list[Rejected] = []
    written: list[Written] = []
    moments: list[datetime] = []
    # InnoDB locks the row of each user whom an event names, which their next login waits for;
    # PostgreSQL looks at them at the end.
    lines_by_piece = pieces(locking=connection.vendor == "mysql")
    some: Iterable[tuple[int, R]] = ((len(lines), read(lines)) for lines in lines_by_piece)
    if connection.vendor == "sqlite":
        # It has one writer at a time. Between pieces there are rests, and this thread may have to
        # wait for others of its process: the site's own writes shall not wait for that.
        some = list(some)
    # Durable: a transaction around this one, rolled back, would take along what is delivered.
    with transaction.atomic(using=using, durable=True):
        _remember(batch_id, connection)
        with writing(connection) as write:
            for length, piece in some:
                result = write(piece)
                count += length
                rejected += result.rejected
                written += result.written
                moments += result.moments
        RolledHour.touch(moments, using)  # others may wait for the rows that this locks
        Batch.objects.using(using).filter(pk=batch_id).update(count=count - len(rejected))
        if rejected:
            set_aside(batch_id, rejected)
    return written


def _remember(batch_id: str, connection: BaseDatabaseWrapper) -> None:
    """Keep the id in the same transaction as the rows: both are there, or neither is."""
    quote = connection.ops.quote_name
    ignore = "IGNORE" if connection.vendor == "mysql" else ""
    nothing = "" if connection.vendor == "mysql" else "ON CONFLICT DO NOTHING"
    columns = ", ".join(map(quote, ("id", "count", "written")))
    statement = (
        f"INSERT {ignore} INTO {quote(Batch._meta.db_table)} ({columns}) "  # noqa: S608 (names of ours)
        f"VALUES (%s, 0, %s) {nothing}"
    )
    written = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(statement, (batch_id, written))
        if cursor.rowcount == 0:
            raise AlreadyWritten


_columns = Columns.from_json_lines  # raises ValueError if any line is not fit


@contextmanager
def _all_at_once(connection: BaseDatabaseWrapper) -> Iterator[Callable[[Columns], Result]]:
    """Raises one of ``FAULTS_OF_A_ROW``, here or at the commit, if any row is not fit."""
    if somebody_listens():
        yield lambda columns: Result(
            written=[insert(record, connection.alias) for record in columns.records()]
        )
        return
    with inserting(connection) as insert_many:

        def write(columns: Columns) -> Result:
            insert_many(columns)
            return Result(moments=columns.moments())

        yield write


@contextmanager
def _one_by_one(connection: BaseDatabaseWrapper) -> Iterator[Callable[[Sequence[str]], Result]]:
    if connection.vendor == "postgresql":
        # Foreign keys are checked at once, while it can still be told whose fault it is.
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    yield partial(_each_alone, connection)


def _each_alone(connection: BaseDatabaseWrapper, lines: Sequence[str]) -> Result:
    parsed, rejected = _parse(lines)
    written: list[Written] = []
    for line, record in parsed:
        try:
            with transaction.atomic(using=connection.alias):
                written.append(insert(record, connection.alias))
        except Exception as error:
            if not _is_fault_of_a_row(error):
                raise
            rejected.append(Rejected(line, f"{type(error).__name__}: {error}"))
    return Result(rejected, written if somebody_listens() else ())


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


def written_batches(batch_ids: Sequence[str]) -> set[str]:
    """Those of the batches whose rows are there."""
    found = Batch.objects.using(router.db_for_write(Log)).filter(pk__in=batch_ids)
    return set(found.values_list("pk", flat=True))


def forget_old_batches() -> None:
    """Prune the ids of batches that nobody can hold any more."""
    old = Batch.objects.using(router.db_for_write(Log)).filter(
        written__lt=timezone.now() - REMEMBERED
    )
    old.delete()


def deliver_or_set_aside(batch_id: str, lines: Sequence[str]) -> None:
    """As a worker does it: what no database will take is kept in the spool of its machine."""
    deliver(batch_id, lambda *, locking: [lines], get_backend().set_aside)
