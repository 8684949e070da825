"""Writing of batches to ClickHouse, each event exactly once.

ClickHouse has no transactions. Three properties replace them:

1. The rows of one month in one INSERT are visible together or not at all.
2. Each row has its batch id, so rows that are present are found at any later time.
3. A second INSERT with the same token adds no rows to a month that has rows of the first one. This
   holds for as many INSERTs as the table remembers, and covers an INSERT that is still running.

A token that was used for other rows drops new rows silently, so rows that complete a month get a
token of their own.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from uuid import UUID

from django.db import DataError

from ...backends.spool import Rejected
from ...backends.sql.send_signals import (
    has_receivers,
    make_rows_and_send_post_save,
    send_event_logged,
)
from .columns import WRITTEN
from .rows import ClickHouseRow, read_rows
from .table import ClickHouseTable

DeadLetter = Callable[[str, Sequence[Rejected]], None]

# Acknowledged only when the rows are written. A batch may be of many months, such as an import.
SETTINGS = {"async_insert": 0, "max_partitions_per_insert_block": 0}


def deliver(
    batch_id: str, chunks: Iterable[Sequence[str]], table: ClickHouseTable, dead_letter: DeadLetter
) -> None:
    """Write the events of a batch that are not in the table yet.

    ``dead_letter`` is called with the batch id and the lines that ClickHouse does not accept.
    Raises ``OperationalError`` if the server is not available; the batch can be sent again.
    """
    rows, rejected = read_rows(batch_id, chunks)
    written: list[ClickHouseRow] = []
    for some, token in _missing(batch_id, rows, table):
        written += _insert(some, token, table, rejected)
    if rejected:
        dead_letter(batch_id, rejected)
    if written and has_receivers():
        stored = [(row.record, row.id) for row in written]
        send_event_logged(make_rows_and_send_post_save(stored), stored)


def _missing(
    batch_id: str, rows: Sequence[ClickHouseRow], table: ClickHouseTable
) -> Iterable[tuple[Sequence[ClickHouseRow], str]]:
    """Return the rows that are missing, in groups for one INSERT each, with its token."""
    if not rows:
        return []
    present = present_uids(batch_id, rows, table)
    if not present:
        return [(rows, batch_id)]
    months: dict[tuple[int, int], list[ClickHouseRow]] = defaultdict(list)
    for row in rows:
        months[row.month].append(row)
    found = []
    for of_month in months.values():
        missing = [row for row in of_month if row.uid not in present]
        if len(missing) == len(of_month):
            found.append((missing, batch_id))
        elif missing:
            found.append((missing, f"{batch_id}-{_digest(missing)}"))
    return found


def present_uids(batch_id: str, rows: Sequence[ClickHouseRow], table: ClickHouseTable) -> set[UUID]:
    """Return the uids of a batch that are in the table."""
    moments = [row.microseconds for row in rows]
    found = table.server.query(
        f"SELECT uid FROM {table.name} WHERE batch = {{batch:String}}"  # noqa: S608
        " AND timestamp >= fromUnixTimestamp64Micro({start:Int64}, 'UTC')"
        " AND timestamp <= fromUnixTimestamp64Micro({end:Int64}, 'UTC')",
        {"batch": batch_id, "start": min(moments), "end": max(moments)},
    )
    return {uid if isinstance(uid, UUID) else UUID(str(uid)) for (uid,) in found}


def _insert(
    rows: Sequence[ClickHouseRow], token: str, table: ClickHouseTable, rejected: list[Rejected]
) -> Sequence[ClickHouseRow]:
    """Insert rows and return them, without those that ClickHouse rejects."""
    try:
        table.server.insert(
            table.name,
            WRITTEN,
            [row.values for row in rows],
            {**SETTINGS, "insert_deduplication_token": token},
        )
    except (DataError, ValueError, TypeError, OverflowError) as error:
        if len(rows) == 1:
            rejected.append(Rejected(rows[0].line, f"{type(error).__name__}: {error}"))
            return []
        # In halves, because each INSERT makes a file for each month.
        middle = len(rows) // 2
        return [
            row
            for half in (rows[:middle], rows[middle:])
            for row in _insert(half, f"{token}-{_digest(half)}", table, rejected)
        ]
    return rows


def _digest(rows: Sequence[ClickHouseRow]) -> str:
    return sha256(b"".join(sorted(row.uid.bytes for row in rows))).hexdigest()[:16]


def delivered_batches(batch_ids: Sequence[str], since: int, table: ClickHouseTable) -> set[str]:
    """Return the batches with events since ``since`` (microseconds) in the table."""
    found = table.server.query(
        f"SELECT DISTINCT batch FROM {table.name} WHERE batch IN {{batches:Array(String)}}"  # noqa: S608
        " AND timestamp >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')",
        {"batches": [*batch_ids], "since": since},
    )
    return {batch for (batch,) in found}
