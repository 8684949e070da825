"""Facts that the plan of a conversion depends on: sizes, indexes, keys, and obstacles."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from ..datetimes import aware
from .catalog import EventTable


class TableIndex(NamedTuple):
    """An index of the table of events, and what follows USING in its definition."""

    name: str
    definition: str
    is_valid: bool
    is_unique: bool
    is_primary: bool
    columns: str  # separated by commas


class ForeignKey(NamedTuple):
    """A foreign key from the table of events."""

    name: str
    definition: str
    target: str  # the quoted name of the table
    is_valid: bool


class TableFacts(NamedTuple):
    """The table of events before its conversion."""

    rows: int  # an estimate
    size: int  # bytes, without indexes
    oldest: datetime | None
    newest: datetime | None
    indexes: Sequence[TableIndex]
    foreign_keys: Sequence[ForeignKey]
    check: str  # the name of our CHECK constraint of the times; empty if there is none
    is_check_valid: bool
    owner: str
    grants: Sequence[tuple[str, str, bool]]  # privilege, role, WITH GRANT OPTION
    sequence: str | None
    increment: int
    obstacles: Sequence[str]


CHECK_PREFIX = "eventlog_times_"

_INDEXES = """
    SELECT c.relname, SPLIT_PART(pg_get_indexdef(c.oid), ' USING ', 2), i.indisvalid,
        i.indisunique, i.indisprimary,
        (SELECT STRING_AGG(pg_get_indexdef(c.oid, n, true), ',' ORDER BY n)
         FROM GENERATE_SERIES(1, i.indnkeyatts) n)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = %s ORDER BY c.relname
"""
_FOREIGN_KEYS = """
    SELECT conname, REPLACE(pg_get_constraintdef(oid), ' NOT VALID', ''),
        confrelid::regclass::text, convalidated
    FROM pg_constraint WHERE conrelid = %s AND contype = 'f' ORDER BY conname
"""
_GRANTS = """
    SELECT a.privilege_type, CASE WHEN a.grantee = 0 THEN 'PUBLIC'
        ELSE QUOTE_IDENT(pg_get_userbyid(a.grantee)) END, a.is_grantable
    FROM pg_class c CROSS JOIN LATERAL ACLEXPLODE(c.relacl) a
    WHERE c.oid = %s AND a.grantee <> c.relowner
"""
_SEQUENCE = """
    SELECT s.seqrelid::regclass::text, s.seqincrement FROM pg_sequence s
    WHERE s.seqrelid = to_regclass(pg_get_serial_sequence(%s, 'id'))
"""
# Each query returns the names of what the conversion would lose or break.
_OBSTACLES = (
    (
        "A foreign key of another table refers to events: {}. PostgreSQL refers only to unique "
        "keys, and the key of a partitioned table includes the time. Remove the foreign key first.",
        "SELECT conrelid::regclass || '.' || conname FROM pg_constraint "
        "WHERE confrelid = %s AND contype = 'f'",
    ),
    (
        "A view reads the table: {}. It would read only the first partition afterwards. Drop the "
        "view, and create it again after the conversion.",
        "SELECT DISTINCT r.ev_class::regclass::text FROM pg_depend d "
        "JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass "
        "WHERE d.refobjid = %s AND r.ev_class <> d.refobjid",
    ),
    (
        "The table has a trigger: {}. Drop it, and create it again after the conversion.",
        "SELECT tgname FROM pg_trigger WHERE tgrelid = %s AND NOT tgisinternal",
    ),
    (
        "The table has a rule or a policy: {}. Drop it, and create it again after the conversion.",
        "SELECT rulename::text FROM pg_rewrite WHERE ev_class = %s UNION ALL "
        "SELECT polname::text FROM pg_policy WHERE polrelid = %s",
    ),
    (
        "A publication names the table: {}. Remove the table from it, and add it again after the "
        "conversion.",
        "SELECT p.pubname FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid "
        "WHERE r.prrelid = %s",
    ),
    (
        "A privilege is granted on a column: {}. Revoke it, and grant it again after the "
        "conversion.",
        "SELECT attname FROM pg_attribute WHERE attrelid = %s AND attacl IS NOT NULL",
    ),
    (
        "The table inherits from another table, or another table inherits from it: {}.",
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhrelid = %s OR inhparent = %s",
    ),
)


def indexes_of(connection: BaseDatabaseWrapper, table: EventTable) -> list[TableIndex]:
    """Return the indexes of the table."""
    with connection.cursor() as cursor:
        cursor.execute(_INDEXES, [table.oid])
        return [TableIndex(*row) for row in cursor.fetchall()]


def inspect_table(connection: BaseDatabaseWrapper, table: EventTable) -> TableFacts:
    """Read everything that the plan depends on."""
    with connection.cursor() as cursor:

        def rows(query: str, *values: Any) -> list[Any]:
            cursor.execute(query, [*values] or [table.oid] * query.count("%s"))
            return list(cursor.fetchall())

        (described,) = rows(
            "SELECT GREATEST(reltuples, 0)::bigint, pg_table_size(oid), "
            "pg_get_userbyid(relowner) FROM pg_class WHERE oid = %s"
        )
        ((oldest, newest),) = rows(f"SELECT MIN(timestamp), MAX(timestamp) FROM {table}", *())  # noqa: S608
        checks = rows(
            "SELECT conname, convalidated FROM pg_constraint "
            "WHERE conrelid = %s AND starts_with(conname, %s)",
            table.oid,
            CHECK_PREFIX,
        )
        sequences = rows(_SEQUENCE, str(table)) or [(None, 1)]
        indexes = indexes_of(connection, table)
        obstacles = [
            message.format(", ".join(str(name) for (name,) in found))
            for message, query in _OBSTACLES
            if (found := rows(query))
        ]
        return TableFacts(
            rows=described[0],
            size=described[1],
            oldest=oldest and aware(oldest),
            newest=newest and aware(newest),
            indexes=indexes,
            foreign_keys=[ForeignKey(*row) for row in rows(_FOREIGN_KEYS)],
            check=checks[0][0] if checks else "",
            is_check_valid=bool(checks) and checks[0][1],
            owner=described[2],
            grants=[*map(tuple, rows(_GRANTS))],
            sequence=sequences[0][0],
            increment=sequences[0][1],
            obstacles=[*obstacles, *_unique_indexes(indexes)],
        )


def _unique_indexes(indexes: Sequence[TableIndex]) -> Iterator[str]:
    for index in indexes:
        has_time = "timestamp" in index.columns.replace('"', "").split(",")
        if index.is_unique and not index.is_primary and not has_time:
            yield (
                f"The unique index {index.name} has no time. In a partitioned table, each unique "
                f"index includes the time. Drop it first."
            )
