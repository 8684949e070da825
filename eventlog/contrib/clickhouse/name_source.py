"""Names that a search looks up in ClickHouse."""

from typing import Any

from django.db.models import Q

from .conditions import Renderer
from .table import ClickHouseTable


class ClickHouseNameSource:
    """The events in ClickHouse, as the search language asks for their names."""

    def __init__(self, table: ClickHouseTable) -> None:
        self._table = table

    def values(self, column: str, condition: Q, limit: int) -> list[Any]:
        """Return the first values of a column of the events that meet the condition."""
        renderer = Renderer()
        where = renderer.condition(condition)
        # Not DISTINCT, which would not read a projection.
        rows = self._table.server.query(
            f"SELECT {column} FROM {self._table.name} WHERE {where}"  # noqa: S608 (bound values)
            f" GROUP BY {column} ORDER BY {column} LIMIT {limit:d}",
            renderer.parameters,
        )
        return [value for (value,) in rows]
