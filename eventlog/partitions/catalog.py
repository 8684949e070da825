"""The table of events and its partitions, as the catalogue of PostgreSQL describes them."""

from datetime import datetime
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from ..datetimes import aware
from ..models.event import Log
from .months import TimeRange

PARTITION_KEY = "RANGE (timestamp)"

# The bounds are read by the server, because their text depends on its settings for dates.
_PARTITIONS = """
    SELECT child.relname, space.nspname, inherits.inhdetachpending, bound = 'DEFAULT',
        (REGEXP_MATCH(bound, 'FROM \\(''([0-9][^'']*)''\\)'))[1]::timestamptz,
        (REGEXP_MATCH(bound, 'TO \\(''([0-9][^'']*)''\\)'))[1]::timestamptz
    FROM pg_inherits inherits
    JOIN pg_class child ON child.oid = inherits.inhrelid
    JOIN pg_namespace space ON space.oid = child.relnamespace
    CROSS JOIN LATERAL pg_get_expr(child.relpartbound, child.oid) bound
    WHERE inherits.inhparent = %s
    ORDER BY 5 NULLS FIRST, 6
"""


class EventTable(NamedTuple):
    """The table of events."""

    oid: int
    schema: str
    name: str
    key: str | None  # the partition key; None if the table is not partitioned

    @property
    def is_by_time(self) -> bool:
        """True if the table is partitioned by ranges of the time of events."""
        return (self.key or "").replace('"', "") == PARTITION_KEY

    def sibling(self, name: str) -> str:
        """Return the quoted name of another table, or an index, of the same schema."""
        return f'"{self.schema}"."{name}"'

    def __str__(self) -> str:
        return self.sibling(self.name)


class Partition(NamedTuple):
    """A partition of the table of events."""

    name: str
    schema: str
    is_pending: bool  # DETACH CONCURRENTLY was interrupted
    is_default: bool
    lower: datetime | None
    upper: datetime | None

    @property
    def span(self) -> TimeRange:
        """The times of its events."""
        return TimeRange(self.lower, self.upper)

    def __str__(self) -> str:
        return f'"{self.schema}"."{self.name}"'


def find_table(connection: BaseDatabaseWrapper) -> EventTable | None:
    """Return the table of events; None if it does not exist, or not on PostgreSQL."""
    if connection.vendor != "postgresql":
        return None
    name = Log._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.oid, n.nspname, c.relname, pg_get_partkeydef(c.oid) FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(%s)",
            [connection.ops.quote_name(name)],
        )
        row = cursor.fetchone()
    return None if row is None else EventTable(*row)


def partitions_of(connection: BaseDatabaseWrapper, table: EventTable) -> list[Partition]:
    """Return the partitions of the table, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_PARTITIONS, [table.oid])
        return [
            Partition(*row[:4], *(bound and aware(bound) for bound in row[4:]))
            for row in cursor.fetchall()
        ]


def read_partitions(connection: BaseDatabaseWrapper) -> list[Partition] | None:
    """Return the partitions; None if the table is not partitioned by time."""
    table = find_table(connection)
    return partitions_of(connection, table) if table is not None and table.is_by_time else None


def spans(partitions: list[Partition]) -> list[TimeRange]:
    """Return the spans of the partitions that accept events."""
    return [each.span for each in partitions if not each.is_default and not each.is_pending]
