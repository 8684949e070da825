"""The names of the actions that there are, without reading the table for them."""

from django.db import connections, router

from ..models import Log

MOST = 1000

# From each name straight to the next one in the index over (action, timestamp).
_LOOSE_SCAN = """
    WITH RECURSIVE names(name) AS (
        SELECT MIN(action) FROM eventlog_log
        UNION ALL
        SELECT (SELECT MIN(action) FROM eventlog_log WHERE action > name)
        FROM names WHERE name IS NOT NULL
    )
    SELECT name FROM names WHERE name IS NOT NULL LIMIT %s
"""
# MariaDB and MySQL go so by themselves, and read all of the index for the query above.
_GROUPED = "SELECT action FROM eventlog_log GROUP BY action ORDER BY action LIMIT %s"


def known_actions() -> list[str]:
    """All actions, in order; the first thousand of them if a site has that many."""
    connection = connections[router.db_for_read(Log)]
    with connection.cursor() as cursor:
        cursor.execute(_GROUPED if connection.vendor == "mysql" else _LOOSE_SCAN, [MOST])
        return [name for (name,) in cursor.fetchall()]
