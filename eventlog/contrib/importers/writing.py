"""Writing a batch of events together with the position of its last row."""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from django.db import OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from ...backends.sql.delivered import is_row_error
from ...backends.sql.insert import bulk_inserter, insert_row
from ...backends.sql.pending_keys import is_lock_error
from ...datetimes import aware, hour_of, to_db_timezone
from ...models.hourly import COUNT_DELAY, CountedHour
from ...partitions.missing import is_missing_partition
from ...partitions.months import month_of
from ...records.columns import Columns
from ...records.record import Record

ATTEMPTS = 5  # for a batch that waits for locks of other processes
PAUSE_SECONDS = 1.0  # before a further attempt

Rejected = tuple[Record, Exception]


class NoPartitionError(Exception):
    """The table of events is partitioned, and lacks the month in the message."""


def write_with_position(
    records: Sequence[Record], move: Callable[[Sequence[Rejected]], None], using: str
) -> Sequence[Rejected]:
    """Write the records in one transaction with ``move()``, which stores the new position.

    Return the records that the database rejects. ``move`` is called with them, and must raise an
    exception if another process has moved the position. Raise ``NoPartitionError`` if the months of
    the records have to be created first.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_SECONDS)
        try:
            return _write(records, move, using)
        except OperationalError as error:
            if not is_lock_error(error) or attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _write(
    records: Sequence[Record], move: Callable[[Sequence[Rejected]], None], using: str
) -> Sequence[Rejected]:
    connection = connections[using]
    try:
        with transaction.atomic(using=using, durable=True):
            move(())
            if records:
                with bulk_inserter(connection) as insert_many:
                    insert_many(_columns(records))
                _mark_stale([record.timestamp for record in records], using)
        return ()
    except Exception as error:
        if is_missing_partition(error):
            first = min(record.timestamp for record in records)
            raise NoPartitionError(f"{month_of(aware(first)):%Y-%m}") from error
        if not is_row_error(error):  # PostgreSQL checks foreign keys at the commit.
            raise
    with transaction.atomic(using=using, durable=True):
        rejected = [*_one_by_one(records, connection)]
        move(rejected)
        _mark_stale([record.timestamp for record in records], using)
    return rejected


def _columns(records: Sequence[Record]) -> Columns:
    columns = Columns._make(zip(*records, strict=True))
    return columns._replace(timestamps=[each.timestamp.isoformat() for each in records])


def _one_by_one(records: Sequence[Record], connection: BaseDatabaseWrapper) -> Iterable[Rejected]:
    """Insert each record, and yield those that the database rejects, with the error."""
    for record in records:
        try:
            with transaction.atomic(using=connection.alias):
                insert_row(record, connection.alias)
        except Exception as error:
            if not is_row_error(error):
                raise
            yield record, error


def _mark_stale(timestamps: Iterable[datetime], using: str) -> None:
    """Mark the hours of the events as stale, and create the rows of hours that have none.

    Without such a row, a process that counts the hour now would not see the events, and would not
    know that it has to count the hour again.
    """
    limit = to_db_timezone(timezone.now() - COUNT_DELAY / 2)
    old = [each for each in timestamps if to_db_timezone(each) < limit]
    hours = sorted({to_db_timezone(hour_of(each)) for each in old})
    CountedHour.objects.using(using).bulk_create(
        [CountedHour(hour=hour, stale=True) for hour in hours], ignore_conflicts=True
    )
    CountedHour.mark_stale(old, using)
