"""Distinct values of an indexed column, read without a table scan."""

from typing import Any

from django.db import connections, router
from django.db.models import Q

from ...models import Log
from ...models.fields import LAST_CHARACTER
from .name_sources import current_name_source

MAX_ACTIONS = 1000  # that a search compares its words with

# A loose index scan, because it reads one row for each distinct value. Both queries have the lower
# bound, because PostgreSQL uses the partial index of failed requests only with it.
_LOOSE_SCAN = """
    WITH RECURSIVE known(value) AS (
        SELECT MIN({column}) FROM eventlog_log WHERE {column} >= %s AND {column} < %s
        UNION ALL
        SELECT (
            SELECT MIN({column}) FROM eventlog_log
            WHERE {column} > value AND {column} >= %s AND {column} < %s
        )
        FROM known WHERE value IS NOT NULL
    )
    SELECT value FROM known WHERE value IS NOT NULL LIMIT %s
"""
# MariaDB and MySQL do a loose index scan for GROUP BY, but read the whole index for _LOOSE_SCAN.
_GROUPED = """
    SELECT {column} FROM eventlog_log WHERE {column} >= %s AND {column} < %s
    GROUP BY {column} ORDER BY {column} LIMIT %s
"""


def known_values(column: str, start: Any, end: Any, limit: int) -> list[Any]:
    """Return the first ``limit`` values of a column from ``start`` up to ``end``, in order.

    ``column`` is the first column of an index.
    """
    if limit <= 0:
        return []
    if (source := current_name_source()) is not None:
        within = Q(**{f"{column}__gte": start, f"{column}__lt": end})
        return source.values(column, within, limit)
    connection = connections[router.db_for_read(Log)]
    quoted = connection.ops.quote_name(column)
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute(_GROUPED.format(column=quoted), [start, end, limit])
        else:
            cursor.execute(_LOOSE_SCAN.format(column=quoted), [start, end, start, end, limit])
        return [value for (value,) in cursor.fetchall()]


def known_actions(prefix: str = "") -> list[str]:
    """Return the first ``MAX_ACTIONS`` actions that start with ``prefix``, in order."""
    return known_values("action", prefix, prefix + LAST_CHARACTER, MAX_ACTIONS)
