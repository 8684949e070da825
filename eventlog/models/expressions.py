"""Values of ``extra`` and spans of time as SQL expressions."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import (
    BigIntegerField,
    BooleanField,
    DateTimeField,
    F,
    FloatField,
    Func,
    JSONField,
    TextField,
    Value,
)
from django.db.models.sql.compiler import SQLCompiler
from django.utils import timezone

from .json_paths import innermost_document, path_of


class _OfKeys(Func):
    """An expression of ``extra`` and ``keys``."""

    def __init__(self, *keys: str) -> None:
        super().__init__(F("extra"))
        self.keys = keys


class Text(_OfKeys):
    """The value under nested ``keys`` as text: 7 and "7" both become "7"."""

    output_field = TextField()

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> tuple[str, tuple[Any, ...]]:
        extra, _ = compiler.compile(self.source_expressions[0])
        found = innermost_document(extra, self.keys, connection)
        if connection.vendor == "postgresql":
            return f"({found.sql} #>> %s)", (*found.params, list(found.keys))
        params = (*found.params, found.path)
        if connection.vendor == "mysql":
            # JSON_UNQUOTE returns the text "null" for JSON's null.
            value = f"JSON_EXTRACT({found.sql}, %s)"
            text = f"CASE WHEN JSON_TYPE({value}) <> 'NULL' THEN JSON_UNQUOTE({value}) END"
            return text, params * 2
        # JSON_EXTRACT returns 1 for true.
        kind = f"JSON_TYPE({found.sql}, %s)"
        text = f"CAST(JSON_EXTRACT({found.sql}, %s) AS TEXT)"
        return f"IIF({kind} IN ('true', 'false'), {kind}, {text})", params * 3


class Number(_OfKeys):
    """The value under nested ``keys`` as a number; NULL for a value that is not a JSON number."""

    output_field = FloatField()
    sql: ClassVar = {
        "postgresql": "JSONB_TYPEOF({extra} #> %s) = 'number' "
        # A number out of the range of a double would raise an error.
        "AND LENGTH({extra} #>> %s) <= 300 THEN ({extra} #>> %s)::double precision",
        "sqlite": "JSON_TYPE({extra}, %s) IN ('integer', 'real') THEN JSON_EXTRACT({extra}, %s)",
        "mysql": "JSON_TYPE(JSON_EXTRACT({extra}, %s)) IN ('INTEGER', 'DOUBLE', 'DECIMAL') "
        "THEN JSON_EXTRACT({extra}, %s) + 0.0",
    }

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> tuple[str, tuple[Any, ...]]:
        extra, _ = compiler.compile(self.source_expressions[0])
        sql = self.sql[connection.vendor]
        found = innermost_document(extra, self.keys, connection)
        path: Any = list(found.keys) if connection.vendor == "postgresql" else found.path
        params = (*found.params, path) * sql.count("%s")
        return f"CASE WHEN {sql.format(extra=found.sql)} END", params


class Fact(Func):
    """A field of the request as text; NULL if the application chose the value under its key.

    ``key`` is one of ``FIELDS``, never text from a visitor.
    """

    output_field = TextField()

    def __init__(self, key: str) -> None:
        super().__init__(Text(key), F("own_keys"))
        self.key = key

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> tuple[str, tuple[Any, ...]]:
        text, params = compiler.compile(self.source_expressions[0])
        own, _ = compiler.compile(self.source_expressions[1])
        return f"CASE WHEN {_is_fact(own, self.key, connection)} THEN {text} END", tuple(params)


def _is_fact(own: str, key: str, connection: BaseDatabaseWrapper) -> str:
    find = "STRPOS" if connection.vendor == "postgresql" else "INSTR"
    # The cheaper comparison comes first, because own_keys is empty in most rows.
    return f"({own} = '' OR {find}({own}, ',{key},') = 0)"


class NumberFact(Func):
    """A field of the request as a number; NULL for other values and the application's values.

    ``key`` is one of ``FIELDS``, never text from a visitor.
    """

    output_field = FloatField()
    sql: ClassVar = {
        "postgresql": "JSONB_TYPEOF({extra} -> '{key}') = 'number' "
        # A number out of the range of a double would raise an error.
        "AND LENGTH({extra} ->> '{key}') <= 300 THEN ({extra} ->> '{key}')::double precision",
        "sqlite": "JSON_TYPE({extra}, '$.{key}') IN ('integer', 'real') "
        "THEN JSON_EXTRACT({extra}, '$.{key}')",
        "mysql": "JSON_TYPE(JSON_EXTRACT({extra}, '$.{key}')) "
        "IN ('INTEGER', 'DOUBLE', 'DECIMAL') THEN JSON_EXTRACT({extra}, '$.{key}') + 0.0",
    }

    def __init__(self, key: str) -> None:
        super().__init__(F("extra"), F("own_keys"))
        self.key = key

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> tuple[str, tuple[Any, ...]]:
        extra, _ = compiler.compile(self.source_expressions[0])
        own, _ = compiler.compile(self.source_expressions[1])
        is_number = self.sql[connection.vendor].format(extra=extra, key=self.key)
        return f"CASE WHEN {_is_fact(own, self.key, connection)} AND {is_number} END", ()


class StepsSince(Func):
    """The number of whole steps between ``start`` and a later time."""

    output_field = BigIntegerField()
    sql: ClassVar = {
        "postgresql": "FLOOR(EXTRACT(EPOCH FROM {time} - {start}) / {seconds})::bigint",
        # Without microseconds, because SQLite would round them up to the next second.
        "sqlite": "(STRFTIME('%%s', SUBSTR({time}, 1, 19)) - STRFTIME('%%s', {start})) / {seconds}",
        "mysql": "TIMESTAMPDIFF(SECOND, {start}, {time}) DIV {seconds}",
    }

    def __init__(self, column: str, start: datetime, step: timedelta) -> None:
        super().__init__(F(column), Value(start, DateTimeField()))
        self.seconds = int(step.total_seconds())
        self.is_naive = timezone.is_naive(start)

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> tuple[str, tuple[Any, ...]]:
        time, _ = compiler.compile(self.source_expressions[0])
        start, params = compiler.compile(self.source_expressions[1])
        if self.is_naive and connection.vendor == "postgresql":
            time = f"{time}::timestamp"  # the wall clock, because naive times have no instant
        template = self.sql[connection.vendor]
        return template.format(time=time, start=start, seconds=self.seconds), tuple(params)


class HasAnyKey(_OfKeys):
    """The condition that ``extra`` is an object with one of ``keys``.

    The keys are never text from a visitor.
    """

    output_field = BooleanField()
    conditional = True

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> tuple[str, tuple[Any, ...]]:
        extra, _ = compiler.compile(self.source_expressions[0])
        if connection.vendor == "postgresql":
            # The operator also finds text in arrays.
            return f"(JSONB_TYPEOF({extra}) = 'object' AND {extra} ?| %s)", (list(self.keys),)
        paths = tuple(path_of([key]) for key in self.keys)
        if connection.vendor == "mysql":
            places = ", ".join(["%s"] * len(paths))
            return f"JSON_CONTAINS_PATH({extra}, 'one', {places})", paths
        found = " OR ".join([f"JSON_TYPE({extra}, %s) IS NOT NULL"] * len(paths))
        return f"({found})", paths


class WithoutKeys(_OfKeys):
    """``extra`` without ``keys``, which are never text from a visitor.

    The database removes the keys, so that documents are not transferred and numbers stay exact.
    """

    output_field = JSONField()

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> tuple[str, tuple[Any, ...]]:
        extra, _ = compiler.compile(self.source_expressions[0])
        if connection.vendor == "postgresql":
            removed = f"THEN {extra} - %s::text[] ELSE {extra} END"
            return f"CASE WHEN JSONB_TYPEOF({extra}) = 'object' {removed}", (list(self.keys),)
        places = ", ".join(["%s"] * len(self.keys))
        return f"JSON_REMOVE({extra}, {places})", tuple(path_of([key]) for key in self.keys)
