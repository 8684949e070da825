"""The version of an object before each version, with few queries and in bounded memory."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from .table import Row, SourceTable

MAX_REMEMBERED = 1000  # objects whose newest version is kept for the next page

Related = Mapping[str, Sequence[Any]]


class VersionState(NamedTuple):
    """The values of a version: columns by attribute, and keys of related objects by field."""

    columns: Row
    relations: Related


class Versions:
    """The versions of the objects of one model, read page by page in their order.

    ``object_column`` holds the primary key of the object.
    """

    def __init__(self, table: SourceTable, object_column: str) -> None:
        self._table = table
        self._column = object_column
        fields: Iterable[Any] = getattr(table.model, "_history_m2m_fields", ())
        self._fields = {field.name: field for field in fields}
        self._newest: OrderedDict[Any, VersionState] = OrderedDict()  # by key of the object
        self._states: dict[Any, VersionState] = {}  # of this page, by key of the version
        self._before: dict[Any, VersionState] = {}

    def load(self, rows: Sequence[Row], incomplete: Sequence[Row]) -> None:
        """Find the version before each row of a page.

        The versions before ``incomplete`` rows are looked up if they are not known.
        """
        objects = {row[self._column] for row in rows}
        newest = {key: self._newest[key] for key in objects if key in self._newest}
        newest |= self._looked_up(rows, {row[self._column] for row in incomplete} - newest.keys())
        self._states = self._with_relations(rows)
        self._before = {}
        for row in rows:
            version, key = row[self._table.key], row[self._column]
            if key in newest:
                self._before[version] = newest[key]
            newest[key] = self._states[version]
        for key, state in newest.items():
            self._newest[key] = state
            self._newest.move_to_end(key)
        while len(self._newest) > MAX_REMEMBERED:
            self._newest.popitem(last=False)

    def state_of(self, row: Row) -> VersionState:
        """Return the values of a row of the page."""
        return self._states[row[self._table.key]]

    def before(self, row: Row) -> VersionState | None:
        """Return the values of the version before a row of the page; None if there is none."""
        return self._before.get(row[self._table.key])

    def _looked_up(self, rows: Sequence[Row], objects: set[Any]) -> dict[Any, VersionState]:
        """Return the newest versions of ``objects`` before the page."""
        if not objects:
            return {}
        table = self._table
        backwards = [F(name).desc() for name in table.order]
        number = Window(RowNumber(), partition_by=F(self._column), order_by=backwards)
        earlier = table.rows().filter(
            table.beyond(table.position_of(rows[0]), backwards=True),
            **{f"{self._column}__in": objects},
        )
        found = list(
            earlier.annotate(number=number).filter(number=1).values(table.key, *table.columns)
        )
        states = self._with_relations(found)
        return {row[self._column]: states[row[table.key]] for row in found}

    def _with_relations(self, rows: Sequence[Row]) -> dict[Any, VersionState]:
        keys = [row[self._table.key] for row in rows]
        related: dict[Any, dict[str, list[Any]]] = {}
        for name, field in self._fields.items():
            # The descriptor of the field has a manager of the table with its relations.
            model = getattr(self._table.model, name).model
            column = model._meta.get_field(field.m2m_reverse_field_name()).attname
            links = model._base_manager.using(self._table.using).filter(history__in=keys)
            for version, key in links.order_by("pk").values_list("history_id", column):
                related.setdefault(version, {}).setdefault(name, []).append(key)
        nothing: dict[str, list[Any]] = {name: [] for name in self._fields}
        return {
            row[self._table.key]: VersionState(row, nothing | related.get(row[self._table.key], {}))
            for row in rows
        }
