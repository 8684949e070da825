"""Names that a search looks up in ClickHouse."""

import time
from collections.abc import Collection
from typing import Any

from django.db.models import Q

from ...models.keys import user_id
from .conditions import COLUMNS, Renderer
from .table import Table

MAX_KEYS = 10  # accounts that had one name
CACHE_SECONDS = 10.0  # because the distinct actions are read from all rows

_cached: dict[tuple[Any, ...], tuple[float, list[Any]]] = {}


class ClickHouseSource:
    """The events in ClickHouse, as the search language asks for their names."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def known_values(self, column: str, start: Any, end: Any, limit: int) -> list[Any]:
        """Return the first ``limit`` values of a column from ``start`` up to ``end``, in order."""
        key = (self._table.name, column, start, end, limit)
        now = time.monotonic()
        if key in _cached and _cached[key][0] > now and not self._table.is_test:
            return _cached[key][1]
        kind = COLUMNS[column]
        found = self._table.server.query(
            # Not DISTINCT, which would not read a projection.
            f"SELECT {column} FROM {self._table.name}"  # noqa: S608 (a known column)
            f" WHERE {column} >= {{start:{kind}}} AND {column} < {{end:{kind}}}"
            f" GROUP BY {column} ORDER BY {column} LIMIT {limit:d}",
            {"start": start, "end": end},
        )
        values = [value for (value,) in found]
        _cached[key] = now + CACHE_SECONDS, values
        return values

    def exists(self, condition: Q) -> bool:
        """Return whether an event meets the condition."""
        renderer = Renderer()
        where = renderer.condition(condition)
        sql = f"SELECT 1 FROM {self._table.name} WHERE {where} LIMIT 1"  # noqa: S608 (bound values)
        return bool(self._table.server.query(sql, renderer.parameters))

    def keys_with_former_name(self, names: Collection[str]) -> list[Any]:
        """Return the primary keys of accounts whose events have one of these names."""
        found = self._table.server.query(
            f"SELECT user_id FROM {self._table.name}"  # noqa: S608
            " WHERE user_repr IN {names:Array(String)} AND user_id IS NOT NULL"
            f" GROUP BY user_id ORDER BY user_id LIMIT {MAX_KEYS}",
            {"names": [*names]},
        )
        return [user_id(key) for (key,) in found]
