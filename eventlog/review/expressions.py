"""What is in ``extra``, as the three databases say it."""

import json
from datetime import UTC, date, datetime, time
from typing import Any, ClassVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, DateField, F, FloatField, Func, TextField
from django.db.models.lookups import GreaterThanOrEqual
from django.db.models.sql.compiler import SQLCompiler

from ..moments import as_stored


class Text(Func):
    """The value under ``keys``, one within the other, as text: 7 is "7", and so is "7"."""

    output_field = TextField()

    def __init__(self, *keys: str) -> None:
        super().__init__(F("extra"))
        self.keys = keys

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> tuple[str, tuple[Any, ...]]:
        extra, _ = compiler.compile(self.source_expressions[0])
        if connection.vendor == "postgresql":
            return f"({extra} #>> %s)", (list(self.keys),)
        path = "$" + "".join(f".{json.dumps(key)}" for key in self.keys)
        if connection.vendor == "mysql":
            return f"JSON_UNQUOTE(JSON_EXTRACT({extra}, %s))", (path,)
        # It reads true as 1.
        kind, text = f"JSON_TYPE({extra}, %s)", f"CAST(JSON_EXTRACT({extra}, %s) AS TEXT)"
        return f"IIF({kind} IN ('true', 'false'), {kind}, {text})", (path, path, path)


class Number(Func):
    """The number under ``key``; NULL if what is there is none. The key is ours, not a visitor's."""

    output_field = FloatField()
    sql: ClassVar = {
        "postgresql": "CASE WHEN JSONB_TYPEOF({extra} -> '{key}') = 'number' "
        "THEN ({extra} ->> '{key}')::double precision END",
        "sqlite": "CASE WHEN JSON_TYPE({extra}, '$.{key}') IN ('integer', 'real') "
        "THEN JSON_EXTRACT({extra}, '$.{key}') END",
        "mysql": "CASE WHEN JSON_TYPE(JSON_EXTRACT({extra}, '$.{key}')) "
        "IN ('INTEGER', 'DOUBLE', 'DECIMAL') THEN JSON_EXTRACT({extra}, '$.{key}') + 0.0 END",
    }

    def __init__(self, key: str) -> None:
        super().__init__(F("extra"))
        self.key = key

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> tuple[str, tuple[Any, ...]]:
        extra, _ = compiler.compile(self.source_expressions[0])
        return self.sql[connection.vendor].format(extra=extra, key=self.key), ()


class _Indexed(Func):
    """Has an index of its own, which migration 0005 makes, and is written as the index has it.

    PostgreSQL and SQLite index the expression itself; MariaDB and MySQL a virtual column, which
    has to be asked for by its name.
    """

    sql: ClassVar[dict[str, str]]  # by the vendor of the database
    of = "extra"

    def __init__(self) -> None:
        super().__init__(F(self.of))

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> tuple[str, tuple[Any, ...]]:
        (column,) = self.source_expressions
        name, params = compiler.compile(column)
        table = name.rpartition(".")[0]
        sql = self.sql[connection.vendor].format(**{self.of: name, "table": table})
        return sql, tuple(params)


class Address(_Indexed):
    """The client's address. ``<`` and ``startswith`` go by bytes, so that a network is a range."""

    output_field = CharField()
    sql: ClassVar = {
        "postgresql": """LEFT({extra} ->> 'ip', 45) COLLATE "C\"""",
        "sqlite": "JSON_EXTRACT({extra}, '$.ip')",
        "mysql": "{table}.`fact_ip`",
    }


class Day(_Indexed):
    """The day of an event, as its database keeps time: most often in UTC."""

    of = "timestamp"
    output_field = DateField()
    sql: ClassVar = {
        "postgresql": "({timestamp} AT TIME ZONE 'UTC')::date",
        "sqlite": "SUBSTR({timestamp}, 1, 10)",
        "mysql": "{table}.`fact_day`",
    }


def starts(day: date, connection: BaseDatabaseWrapper) -> datetime:
    """The moment at which a Day begins. Raises OverflowError at the ends of the calendar."""
    midnight = datetime.combine(day, time.min)
    if connection.vendor == "postgresql":
        return as_stored(midnight.replace(tzinfo=UTC))
    return midnight.replace(tzinfo=connection.timezone)


class StatusClass(_Indexed):
    """The first digit of the status, as text."""

    output_field = CharField()
    sql: ClassVar = {
        "postgresql": """LEFT({extra} ->> 'status', 1) COLLATE "C\"""",
        "sqlite": "SUBSTR(JSON_EXTRACT({extra}, '$.status'), 1, 1)",
        "mysql": "{table}.`fact_status_class`",
    }


class _Failed(GreaterThanOrEqual):
    def as_sqlite(self, compiler: Any, connection: BaseDatabaseWrapper) -> Any:
        # Or SQLite takes this for the rarer of two conditions, reads all that failed, and sorts.
        sql, params = self.as_sql(compiler, connection)
        return f"LIKELY({sql})", params


def failed() -> GreaterThanOrEqual:
    """Whether the status is 400 or more: those alone have an entry in the index.

    The index is only used where its own condition stands in the query, letter by letter.
    """
    four: Any = Func(template="'4'", output_field=CharField())
    return _Failed(StatusClass(), four)
