"""Pruning by whole months: detach a partition, then drop it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from ..datetimes import aware
from ..models.event import Log
from .catalog import EventTable, Partition, find_table, partitions_of
from .locks import (
    DEFAULT,
    LockWaits,
    lock_timeout,
    retry_until_locked,
    run_in_transaction,
)
from .months import sql_literal

# The comment of a table that is being dropped, so that the next pruning finds it if this one stops.
MARK = "eventlog_prune drops this table of old events"


class Dropped(NamedTuple):
    """A partition that was dropped, and the number of its events."""

    name: str
    events: int


def months_before(before: datetime, using: str | None = None) -> list[Partition]:
    """Return the partitions whose events are all older than ``before``, the oldest first."""
    connection = connections[using or router.db_for_write(Log)]
    table = find_table(connection)
    if table is None or not table.is_by_time:
        return []
    return [
        each
        for each in partitions_of(connection, table)
        if not each.is_default and each.upper is not None and each.upper <= aware(before)
    ]


def drop_months(
    before: datetime,
    using: str | None = None,
    *,
    only_empty: bool = False,
    waits: LockWaits = DEFAULT,
) -> Iterator[Dropped]:
    """Drop the partitions whose events are all older than ``before``; yield each.

    ``only_empty``: keep partitions that still have events, which other rules have kept.

    In a transaction, drop nothing, because PostgreSQL cannot detach a partition there without an
    exclusive lock. On a table without partitions, there is nothing to drop.
    """
    connection = connections[using or router.db_for_write(Log)]
    if connection.in_atomic_block or (table := find_table(connection)) is None:
        return
    for name in _detached_earlier(connection, table):
        yield _drop(connection, name, waits)
    for partition in months_before(before, connection.alias):
        if only_empty and not _is_empty(connection, partition):
            continue
        _detach(connection, table, partition, waits)
        if only_empty and not _is_empty(connection, partition):  # an event came in between
            _attach(connection, table, partition, waits)
            continue
        yield _drop(connection, str(partition), waits)


def _detached_earlier(connection: BaseDatabaseWrapper, table: EventTable) -> list[str]:
    """Return the tables that an earlier pruning has detached but not dropped."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = %s AND c.relkind = 'r' AND NOT c.relispartition "
            "AND obj_description(c.oid, 'pg_class') = %s",
            [table.schema, MARK],
        )
        return [table.sibling(name) for (name,) in cursor.fetchall()]


def _detach(
    connection: BaseDatabaseWrapper, table: EventTable, partition: Partition, waits: LockWaits
) -> None:
    has_default = any(each.is_default for each in partitions_of(connection, table))
    statement = f"ALTER TABLE {table} DETACH PARTITION {partition}"
    with lock_timeout(connection, waits) as cursor:
        retry_until_locked(
            lambda: cursor.execute(
                statement if has_default else _concurrently(connection, table, partition)
            ),
            waits,
        )
        cursor.execute(f"COMMENT ON TABLE {partition} IS '{MARK}'")


def _is_empty(connection: BaseDatabaseWrapper, partition: Partition) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT NOT EXISTS (SELECT FROM {partition})")  # noqa: S608
        (is_empty,) = cursor.fetchone()
    return bool(is_empty)


def _attach(
    connection: BaseDatabaseWrapper, table: EventTable, partition: Partition, waits: LockWaits
) -> None:
    lower, upper = (
        sql_literal(partition.lower, "MINVALUE"),
        sql_literal(partition.upper, "MAXVALUE"),
    )
    bounds = f"FROM ({lower}) TO ({upper})"
    statement = f"ALTER TABLE {table} ATTACH PARTITION {partition} FOR VALUES {bounds}"
    run_in_transaction(connection, lambda cursor: cursor.execute(statement), waits)
    with connection.cursor() as cursor:
        cursor.execute(f"COMMENT ON TABLE {partition} IS NULL")


def _concurrently(connection: BaseDatabaseWrapper, table: EventTable, partition: Partition) -> str:
    """Return the statement that detaches the partition, or that ends an interrupted attempt.

    After an interrupted attempt, nothing reads the partition, and only FINALIZE is allowed.
    https://www.postgresql.org/docs/current/sql-altertable.html
    """
    now = {each.name: each for each in partitions_of(connection, table)}[partition.name]
    mode = "FINALIZE" if now.is_pending else "CONCURRENTLY"
    return f"ALTER TABLE {table} DETACH PARTITION {partition} {mode}"


def _drop(connection: BaseDatabaseWrapper, name: str, waits: LockWaits) -> Dropped:
    """Drop a detached table, and return the number of its events.

    The foreign keys go first: this locks the tables of users and content types, and takes less
    time than the deletion of the files.
    """
    run_in_transaction(connection, lambda cursor: _drop_foreign_keys(cursor, name), waits)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {name}")  # noqa: S608 (a name of the catalogue)
        (count,) = cursor.fetchone()
        cursor.execute(f"DROP TABLE {name}")
    return Dropped(name, count)


def _drop_foreign_keys(cursor: Any, name: str) -> None:
    cursor.execute(
        "SELECT STRING_AGG(FORMAT('DROP CONSTRAINT %%I', conname), ', ') FROM pg_constraint "
        "WHERE conrelid = %s::regclass AND contype = 'f'",
        [name],
    )
    (drops,) = cursor.fetchone()
    if drops:
        cursor.execute(f"ALTER TABLE {name} {drops}")
