"""Queries of the events in ClickHouse that one reader may see."""

from collections.abc import Collection
from typing import Any

from django.db import router
from django.db.models import Q, QuerySet

from ...models import Log
from ...review.extra_loading import MAX_LISTED_BYTES
from ...review.search.query import InvalidSearch
from .conditions import Renderer
from .events import event_columns_sql, event_of, with_relations
from .table import ClickHouseTable


class VisibleEvents:
    """The events of a table; ``events`` may leave events out.

    Raises ``InvalidSearch`` if ClickHouse cannot apply the conditions of ``events``.
    """

    def __init__(self, table: ClickHouseTable, events: QuerySet[Log] | None = None) -> None:
        self.table = table
        self._within = None if events is None else _conditions_of(events)
        Renderer().condition(self._within or Q())

    @property
    def is_restricted(self) -> bool:
        """True if events are left out."""
        return bool(self._within)

    def where(self, condition: Q, renderer: Renderer) -> str:
        """Return the SQL of a condition within these events."""
        found = renderer.condition(condition)
        within = f" AND ({renderer.condition(self._within)})" if self._within else ""
        return f"({found}){within}"

    def select(
        self, what: str, condition: Q, rest: str = "", renderer: Renderer | None = None
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT of the events that meet a condition."""
        renderer = renderer or Renderer()
        where = self.where(condition, renderer)
        sql = f"SELECT {what} FROM {self.table.name} WHERE {where} {rest}"  # noqa: S608 (bound)
        return self.table.server.query(sql, renderer.parameters)

    def events(
        self, condition: Q, order: str, limit: int, max_bytes: int = MAX_LISTED_BYTES
    ) -> list[Log]:
        """Return the first events that meet a condition."""
        rows = self.select(
            event_columns_sql(max_bytes), condition, f"ORDER BY {order} LIMIT {limit:d}"
        )
        return with_relations([event_of(row) for row in rows])

    def count(self, condition: Q, limit: int) -> int:
        """Count events; return ``limit`` + 1 if there are more."""
        renderer = Renderer()
        where = self.where(condition, renderer)
        sql = (
            f"SELECT count() FROM (SELECT 1 FROM {self.table.name} WHERE {where}"  # noqa: S608
            f" LIMIT {limit + 1:d})"
        )
        ((count,),) = self.table.server.query(sql, renderer.parameters)
        return int(count)

    def stored_since(self, moment: int, seen: Collection[int], limit: int) -> list[tuple[int, int]]:
        """Return keys and times of storage of events, in this order, without the ``seen`` keys."""
        renderer = Renderer()
        since = f"fromUnixTimestamp64Micro({renderer.value(moment, 'Int64')}, 'UTC')"
        keys = renderer.value([*seen], "Array(Int64)")
        sql = (
            f"SELECT id, toUnixTimestamp64Micro(stored_at) AS stored FROM {self.table.name}"  # noqa: S608
            f" WHERE stored_at >= {since} AND id NOT IN {keys} ORDER BY stored, id LIMIT {limit:d}"
        )
        rows = self.table.server.query(sql, renderer.parameters)
        return [(int(key), int(stored)) for key, stored in rows]

    def now(self) -> int:
        """Return the time of the server in microseconds."""
        ((now,),) = self.table.server.query("SELECT toUnixTimestamp64Micro(now64(6))")
        return int(now)


def _conditions_of(events: QuerySet[Log]) -> Any:
    """Return the conditions of a queryset. Raise ``InvalidSearch`` if it has more than these."""
    query = events.query
    is_more = query.is_sliced or query.combinator is not None or query.distinct
    if is_more or events.db != router.db_for_read(Log):
        raise InvalidSearch(
            "ClickHouse can apply the conditions of a queryset only, not its slice, its union, "
            "its distinct() or its database."
        )
    return query.where
