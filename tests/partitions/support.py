"""Helpers of the tests with a partitioned table."""

import json
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from eventlog.models import Log
from eventlog.partitions.catalog import find_table, read_partitions
from eventlog.partitions.creation import creation_statements
from eventlog.partitions.months import TimeRange, month_of, months_later

postgresql_only = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="only PostgreSQL has these partitions"
)


def this_month(by=0):
    """Return the start of the month ``by`` months later."""
    return months_later(month_of(timezone.now()), by)


def execute(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def value(query, *values):
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        (found,) = cursor.fetchone()
    return found


def only_months(*numbers):
    """Leave partitions for the months with these numbers only; 0 is this month."""
    for partition in read_partitions(connection):
        execute(f"ALTER TABLE eventlog_log DETACH PARTITION {partition}", f"DROP TABLE {partition}")
    for number in numbers:
        span = TimeRange(this_month(number), this_month(number + 1))
        execute(*creation_statements(find_table(connection), span))


def names():
    return [partition.name for partition in read_partitions(connection)]


def in_month(number, day=10, **values):
    """Return an unsaved event of this month or another one."""
    return Log(timestamp=this_month(number).replace(day=day), **{"action": "X"} | values)


def months_read(run, part=""):
    """Return the months whose partitions the queries of ``run`` that contain ``part`` read."""
    with CaptureQueriesContext(connection) as captured:
        run()
    queries = [each["sql"] for each in captured if is_read(each["sql"], part)]
    assert queries
    return {month for sql in queries for month in _months_of(sql)}


def is_read(sql, part):
    return sql.startswith("SELECT") and 'FROM "eventlog_log"' in sql and part in sql


def _months_of(sql):
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
        (found,) = cursor.fetchone()
    plan = json.loads(found) if isinstance(found, str) else found
    return {datetime.strptime(name[-7:], "%Y_%m").replace(tzinfo=UTC)
            for name in _relations(plan[0]["Plan"])}  # fmt: skip


def _relations(node):
    if "_p" in node.get("Relation Name", "") and node["Actual Loops"]:
        yield node["Relation Name"]
    for child in node.get("Plans", ()):
        yield from _relations(child)
