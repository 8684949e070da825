"""A table of another package: where it is, which columns it has, and its rows in order."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections, models, router
from django.db.models import Q, QuerySet

from .event import ImportedEvent
from .objects import Kinds
from .problems import Problems
from .users import STATES, AccountLookup, Who, without_login

Row = Mapping[str, Any]
Position = Sequence[Any]  # the values of Table.order of a row


class ConversionContext:
    """The users, kinds of objects and options by which rows are converted."""

    def __init__(self, using: str, *, no_user: str = "unknown", bodies: bool = True) -> None:
        self.users = AccountLookup()
        self.kinds = Kinds(using)
        self.no_user: Who = without_login(STATES[no_user])
        """The user of requests whose row names no user."""
        self.bodies = bodies
        """True if the bodies of requests and responses are imported."""


class SourceTable(ABC):
    """A table whose rows become events."""

    name: str
    """The model's label, such as ``"auditlog.LogEntry"``."""
    timestamp: str
    """The column with the time of the row."""
    user_column: str | None = None
    """The column with the key of the user."""

    def __init__(self, using: str | None = None) -> None:
        self.using = using or router.db_for_read(self.model)

    @property
    @abstractmethod
    def model(self) -> type[models.Model]:
        """The model of the table."""

    @property
    @abstractmethod
    def columns(self) -> Sequence[str]:
        """The columns to read."""

    @abstractmethod
    def events(
        self, row: Row, context: ConversionContext, problems: Problems
    ) -> Iterable[ImportedEvent]:
        """Return the events of a row. Raise ``SkipRow`` if it cannot be imported."""

    def prepare(self, rows: Sequence[Row], context: ConversionContext) -> None:
        """Look up what the conversion of these rows needs, with few queries."""
        if self.user_column is not None:
            context.users.load(row[self.user_column] for row in rows)

    @property
    def key(self) -> str:
        """The column of the primary key."""
        return str(self.model._meta.pk.attname)

    @property
    def order(self) -> Sequence[str]:
        """The columns that order the rows such that new rows come last."""
        key = self.model._meta.pk
        # Random keys have no order.
        return (key.attname,) if isinstance(key, models.IntegerField) else (self.timestamp, "pk")

    def exists(self) -> bool:
        """Return whether the database has the table."""
        with connections[self.using].cursor() as cursor:
            names = connections[self.using].introspection.table_names(cursor)
        return self.model._meta.db_table in names

    def rows(self) -> "QuerySet[Any]":
        """Return all rows in order."""
        return self.model._base_manager.using(self.using).order_by(*self.order)

    def page(self, rows: "QuerySet[Any]", after: Position | None, size: int) -> Sequence[Row]:
        """Return the first rows after a position."""
        if after is not None:
            rows = rows.filter(self.beyond(after))
        return list(rows.values(*dict.fromkeys([*self.columns, self.key, self.timestamp]))[:size])

    def beyond(self, position: Position, *, backwards: bool = False) -> Q:
        """Return the condition of the rows after a position, or before it."""
        sign = "lt" if backwards else "gt"
        order = self.order
        exact = [
            Q(
                *zip(order[:at], position[:at], strict=True),
                (f"{order[at]}__{sign}", position[at]),
            )
            for at in range(len(order))
        ]
        found = reduce(or_, exact)
        # An index on the first column serves this bound, but not the alternatives.
        return found if len(order) == 1 else Q((f"{order[0]}__{sign}e", position[0])) & found

    def position_of(self, row: Row) -> Position:
        """Return the position of a row."""
        return [row[self.key if name == "pk" else name] for name in self.order]

    def to_text(self, position: Position) -> str:
        """Return a position as text."""
        return json.dumps(position, cls=_Encoder)

    def from_text(self, text: str) -> Position | None:
        """Return the position that ``to_text()`` has encoded; None for empty text."""
        if not text:
            return None
        fields = (self.model._meta.pk if name == "pk" else self._field(name) for name in self.order)
        values = json.loads(text)
        return [field.to_python(value) for field, value in zip(fields, values, strict=True)]

    def _field(self, name: str) -> "models.Field[Any, Any]":
        return self.model._meta.get_field(name)  # type: ignore[return-value]

    def key_of(self, row: Row) -> Any:
        """Return the primary key of a row."""
        return row[self.key]

    def time_of(self, row: Row) -> datetime | None:
        """Return the time of a row."""
        moment: datetime | None = row[self.timestamp]
        return moment


class _Encoder(DjangoJSONEncoder):
    def default(self, o: Any) -> Any:
        if isinstance(o, datetime):
            return o.isoformat()  # with microseconds, which Django's encoder cuts
        return super().default(o)
