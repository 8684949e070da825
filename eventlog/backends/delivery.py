"""Batches into the table, exactly once, the fastest way that each database offers."""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from django.contrib.auth import get_user_model
from django.db import DataError, IntegrityError, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from ..models import Batch, Log, user_id
from ..records import Record
from . import get_backend
from .rows import PIECE, Written, announce, insert, insert_many, rows_of, somebody_listens
from .spool import Rejected

REMEMBERED = timedelta(days=30)  # how long the id of a batch is kept after its rows were written

# What is wrong with a row, not with the database.
FAULTS_OF_A_ROW = (DataError, IntegrityError, OverflowError, ValueError, TypeError)

Parsed = tuple[str, Record]
SetAside = Callable[[str, Sequence[Rejected]], None]


class AlreadyWritten(Exception):  # noqa: N818 (it is good news)
    """The batch was delivered before."""


def deliver(batch_id: str, lines: Sequence[str], set_aside: SetAside) -> None:
    """Write the events in ``lines``, unless the batch was written before.

    The lines that no database will take are given to ``set_aside``, with the id of the batch,
    before the others are committed. Raises what a database that is down raises, and what
    ``set_aside`` raises: then nothing is written, and the batch can be delivered again.
    """
    parsed, rejected = _parse(lines)
    try:
        try:
            written = _write(batch_id, parsed, rejected, _all_at_once, set_aside)
        except FAULTS_OF_A_ROW:
            written = _write(batch_id, parsed, rejected, _one_by_one, set_aside)
    except AlreadyWritten:
        return
    if somebody_listens():
        announce(rows_of(written))


Result = tuple[list[Rejected], Sequence[Written]]


def _write(
    batch_id: str,
    parsed: Sequence[Parsed],
    rejected: list[Rejected],
    write: Callable[[Sequence[Parsed], BaseDatabaseWrapper], Result],
    set_aside: SetAside,
) -> Sequence[Written]:
    using = router.db_for_write(Log)
    connection = connections[using]
    # Durable: a transaction around this one, rolled back, would take along what is delivered.
    with transaction.atomic(using=using, durable=True):
        _remember(batch_id, len(parsed), connection)
        refused, written = write(_without_deleted_users(parsed, connection), connection)
        if rejected or refused:
            set_aside(batch_id, rejected + refused)
        return written


def _remember(batch_id: str, count: int, connection: BaseDatabaseWrapper) -> None:
    """Keep the id in the same transaction as the rows: both are there, or neither is."""
    quote = connection.ops.quote_name
    ignore = "IGNORE" if connection.vendor == "mysql" else ""
    nothing = "" if connection.vendor == "mysql" else "ON CONFLICT DO NOTHING"
    columns = ", ".join(map(quote, ("id", "count", "written")))
    statement = (
        f"INSERT {ignore} INTO {quote(Batch._meta.db_table)} ({columns}) "  # noqa: S608 (names of ours)
        f"VALUES (%s, %s, %s) {nothing}"
    )
    written = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(statement, (batch_id, count, written))
        if cursor.rowcount == 0:
            raise AlreadyWritten


def _all_at_once(parsed: Sequence[Parsed], connection: BaseDatabaseWrapper) -> Result:
    records = [record for _line, record in parsed]
    if somebody_listens():
        return [], [(record, insert(record, connection.alias)) for record in records]
    insert_many(records, connection)
    return [], ()


def _one_by_one(parsed: Sequence[Parsed], connection: BaseDatabaseWrapper) -> Result:
    rejected, written = [], []
    for line, record in parsed:
        try:
            with transaction.atomic(using=connection.alias):
                written.append((record, insert(record, connection.alias)))
        except FAULTS_OF_A_ROW as error:
            rejected.append(Rejected(line, f"{type(error).__name__}: {error}"))
    return rejected, written


def _parse(lines: Sequence[str]) -> tuple[list[Parsed], list[Rejected]]:
    parsed: list[Parsed] = []
    rejected: list[Rejected] = []
    for start in range(0, len(lines), PIECE):
        piece = lines[start : start + PIECE]
        try:
            parsed += zip(piece, Record.from_json_lines(piece), strict=True)
        except (ValueError, TypeError):  # one of them; now for which
            _parse_one_by_one(piece, parsed, rejected)
        time.sleep(0)  # the threads that answer requests go first
    return parsed, rejected


def _parse_one_by_one(lines: Sequence[str], parsed: list[Parsed], rejected: list[Rejected]) -> None:
    for line in lines:
        try:
            parsed.append((line, Record.from_json(line)))
        except (ValueError, TypeError) as error:
            rejected.append(Rejected(line, f"{type(error).__name__}: {error}"))


def _without_deleted_users(
    parsed: Sequence[Parsed], connection: BaseDatabaseWrapper
) -> Sequence[Parsed]:
    """A user who was deleted meanwhile leaves the name in the event."""
    if all(record.user_id is None for _line, record in parsed):
        return parsed
    keys = {user_id(record.user_id) for _line, record in parsed} - {None}
    keys = {key for key in keys if not isinstance(key, int) or abs(key) < 2**63}
    if connection.vendor == "postgresql":
        # Foreign keys are checked at once, while it can still be told whose fault it is.
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    manager = get_user_model()._base_manager.using(connection.alias)
    there = {str(pk) for pk in manager.filter(pk__in=keys).values_list("pk", flat=True)}
    return [
        (line, record)
        if record.user_id is None or str(record.user_id) in there
        else (line, record._replace(user_id=None))
        for line, record in parsed
    ]


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
    deliver(batch_id, lines, get_backend().set_aside)
