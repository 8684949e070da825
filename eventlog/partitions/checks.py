"""System checks of the partitions, which run with ``check --database`` and ``migrate``."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 (Django's name for it)
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from ..models.event import Log
from .catalog import EventTable, Partition, find_table, partitions_of
from .inspection import CHECK_PREFIX
from .missing import uncovered_months

CREATE = "Run manage.py eventlog_partition --apply now, and daily from a timer."


def check_partitions(databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """Return messages about missing months, and about a conversion that was not finished."""
    using = router.db_for_write(Log)
    if using not in (databases or ()):
        return []
    connection = connections[using]
    if (table := find_table(connection)) is None:
        return []
    if table.is_by_time:
        return list(_messages(partitions_of(connection, table)))
    return list(_unfinished(connection, table)) if table.key is None else []


def _messages(partitions: list[Partition]) -> Iterator[CheckMessage]:
    current, following = uncovered_months(partitions)
    if current:
        yield Error(
            "The table of events has no partition for this month, so no event can be written.",
            hint=CREATE,
            id="eventlog.E050",
        )
    elif following:
        yield Warning(
            "The table of events has no partition for the next month.",
            hint=CREATE,
            id="eventlog.W050",
        )
    if any(each.is_default for each in partitions):
        yield Warning(
            "The table of events has a DEFAULT partition, so detaching a month locks the whole "
            "table.",
            hint="Move its events into months, and drop it.",
            id="eventlog.W051",
        )


def _unfinished(connection: BaseDatabaseWrapper, table: EventTable) -> Iterator[CheckMessage]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint "
            "WHERE conrelid = %s AND contype = 'c' AND starts_with(conname, %s)",
            [table.oid, CHECK_PREFIX],
        )
        found = cursor.fetchone()
    if found:
        date = found[0].rpartition("_")[2]
        yield Warning(
            f"A conversion into partitions was not finished, so events are rejected from "
            f"{date[:4]}-{date[4:6]}-{date[6:]} on.",
            hint="Run manage.py eventlog_partition --apply again, or with --cancel.",
            id="eventlog.W052",
        )
