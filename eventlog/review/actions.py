"""The names of the actions that there are, without reading the table for them."""

from django.db import connections, router

from ..models import Log

MOST = 1000

# From each name straight to the next one in the index over (action, timestamp).
_LOOSE_SCAN = """
    WITH RECURSIVE names(name) AS (
        SELECT MIN(action) FROM eventlog_log WHERE action >= %s AND action < %s
        UNION ALL
        SELECT (SELECT MIN(action) FROM eventlog_log WHERE action > name AND action < %s)
        FROM names WHERE name IS NOT NULL
    )
    SELECT name FROM names WHERE name IS NOT NULL LIMIT %s
"""
# MariaDB and MySQL go so by themselves, and read all of the index for the query above.
_GROUPED = """
    SELECT action FROM eventlog_log WHERE action LIKE %s GROUP BY action ORDER BY action LIMIT %s
"""
_LAST = "\U0010ffff"  # no text goes on with more


def known_actions(prefix: str = "") -> list[str]:
    """The actions that begin with ``prefix``, in order; of more than ``MOST``, the first."""
    connection = connections[router.db_for_read(Log)]
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute(_GROUPED, [connection.ops.prep_for_like_query(prefix) + "%", MOST])
        else:
            after = prefix + _LAST
            cursor.execute(_LOOSE_SCAN, [prefix, after, after, MOST])
        names = [name for (name,) in cursor.fetchall()]
    # MariaDB's texts are most often the same in upper and lower case.
    return names if len(names) == MOST else [name for name in names if name.startswith(prefix)]
