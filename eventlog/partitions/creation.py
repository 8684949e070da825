"""Creation of the partitions of coming months."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from .catalog import EventTable, find_table, partitions_of, spans
from .locks import DEFAULT, LockWaits, run_in_transaction
from .months import TimeRange, gaps, month_of, months, months_later, sql_literal

MONTHS_AHEAD = 3
ADVISORY_LOCK = 0x6576656E746C6F67  # "eventlog"
_LIKE = "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION"


def partition_name(table: EventTable, lower: datetime) -> str:
    """Return the name of a partition, such as ``eventlog_log_p2026_12``.

    pg_partman 4 reads the month from the name.
    """
    day = "" if lower.day == 1 else f"_{lower:%d}"
    return f"{table.name}_p{lower:%Y_%m}{day}"


def missing_spans(
    covered: Sequence[TimeRange], months_ahead: int, since: datetime | None = None
) -> list[TimeRange]:
    """Return the months without a partition, from ``since`` or this month on."""
    start = month_of(since or timezone.now())
    end = months_later(month_of(timezone.now()), months_ahead + 1)
    return [gap for month in months(start, end) for gap in gaps(month, covered)]


def creation_statements(table: EventTable, span: TimeRange) -> Sequence[str]:
    """Return the statements that create one partition.

    CREATE TABLE … PARTITION OF would lock the whole table of events. ATTACH does not stop readers
    and writers of it.
    """
    assert span.lower is not None
    name = table.sibling(partition_name(table, span.lower))
    bounds = f"FROM ({sql_literal(span.lower, '')}) TO ({sql_literal(span.upper, '')})"
    return (
        f"CREATE TABLE {name} (LIKE {table} {_LIKE})",
        f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES {bounds}",
    )


def create_missing(
    connection: BaseDatabaseWrapper,
    months_ahead: int = MONTHS_AHEAD,
    since: datetime | None = None,
    waits: LockWaits = DEFAULT,
) -> list[TimeRange]:
    """Create the partitions of the months that have none; return their spans."""
    return run_in_transaction(connection, partial(_create, connection, months_ahead, since), waits)


def _create(
    connection: BaseDatabaseWrapper, months_ahead: int, since: datetime | None, cursor: Any
) -> list[TimeRange]:
    # Two machines may run the command at the same time.
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
    table = find_table(connection)
    if table is None or not table.is_by_time:
        return []
    missing = missing_spans(spans(partitions_of(connection, table)), months_ahead, since)
    for span in missing:
        for statement in creation_statements(table, span):
            cursor.execute(statement)
    return missing
