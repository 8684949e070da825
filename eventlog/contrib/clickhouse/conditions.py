"""Conditions of searches (``Q`` objects) as SQL of ClickHouse with bound values.

The search language makes conditions of a closed set of lookups and expressions. Any other one is
refused, because a condition that is left out would find too many events.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import F, Func, Model, Q, Value
from django.db.models import lookups as django_lookups
from django.db.models.expressions import Col
from django.db.models.functions import Lower
from django.db.models.sql.where import NothingNode, WhereNode

from ...models import Log
from ...models.expressions import Fact, HasAnyKey, Number, NumberFact, Text
from ...review.search.condition import IsNotTrue
from ...review.search.patterns import Glob
from ...review.search.query import InvalidSearch
from .columns import (
    FACTS,
    NUMBERS,
    fact_column,
    fact_sql,
    has_any_key_sql,
    number_sql,
    text_sql,
)
from .rows import microseconds

# The columns that conditions may name, each with the type of its values.
COLUMNS: Mapping[str, str] = {
    "id": "Int64",
    "timestamp": "Int64",
    "action": "String",
    "user_id": "String",
    "user_repr": "String",
    "user_state": "UInt8",
    "content_type_id": "Int32",
    "object_id": "String",
    "object_repr": "String",
    "is_request": "Bool",
    "ip": "String",
    "status": "Int64",
    "own_keys": "String",
    "uid": "String",
}
ALIASES = {"pk": "id", "user": "user_id", "content_type": "content_type_id"}
COMPARISONS = {"exact": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
LOOKUPS: Mapping[type, str] = {
    django_lookups.Exact: "=",
    django_lookups.GreaterThan: ">",
    django_lookups.GreaterThanOrEqual: ">=",
    django_lookups.LessThan: "<",
    django_lookups.LessThanOrEqual: "<=",
}
# The databases need these in the SQL for their partial indexes.
CONSTANTS = ("400", "''")


class Renderer:
    """Renders conditions, and collects their values in ``parameters``."""

    def __init__(self) -> None:
        self.parameters: dict[str, Any] = {}

    def condition(self, q: Any) -> str:
        """Return the SQL of a condition. Raise ``InvalidSearch`` if it cannot be rendered.

        It is a ``Q`` object, or what a queryset makes of one.
        """
        if isinstance(q, Q | WhereNode):
            return self._tree(q)
        if isinstance(q, NothingNode):
            return "false"
        if isinstance(q, django_lookups.Lookup) and isinstance(q.lhs, Col) and _is_value(q.rhs):
            return self._lookup(f"{self.expression(q.lhs)}__{q.lookup_name}", q.rhs)
        if isinstance(q, IsNotTrue):
            return f"NOT ifNull({self.condition(_source(q))}, false)"
        if isinstance(q, Glob):
            return self._glob(q)
        if isinstance(q, HasAnyKey):
            return has_any_key_sql(self.value([*q.keys], "Array(String)"))
        if isinstance(q, django_lookups.IsNull):
            return f"{self.expression(q.lhs)} IS {'' if q.rhs else 'NOT '}NULL"
        if isinstance(q, django_lookups.In) and _is_value(q.rhs):
            values = [*q.rhs]
            return self._in(self.expression(q.lhs), values, "String")
        for kind, operator in LOOKUPS.items():
            if isinstance(q, kind):
                return self._compared(q, operator)
        raise _refused(q)

    def value(self, value: Any, kind: str) -> str:
        """Return the placeholder of a bound value."""
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"{{{name}:{kind}}}"

    def _tree(self, q: Q | WhereNode) -> str:
        parts = [
            self._lookup(*child) if isinstance(child, tuple) else self.condition(child)
            for child in q.children
        ]
        if q.connector not in (Q.AND, Q.OR):
            raise _refused(q)
        sql = f" {q.connector} ".join(f"({part})" for part in parts) or "true"
        # As Django's NOT of a condition on a column that may be NULL.
        return f"NOT ifNull({sql}, false)" if q.negated else sql

    def _lookup(self, name: str, value: Any) -> str:
        path = name.split("__")
        lookup = path.pop() if len(path) > 1 else "exact"
        column = ALIASES.get("__".join(path), "__".join(path))
        if column not in COLUMNS:
            raise _refused(name)
        kind, sql = COLUMNS[column], column
        convert = _CONVERSIONS.get(column, _same)
        if lookup == "isnull" or (lookup == "exact" and value is None):
            is_null = value is None or value
            return f"{sql} IS {'' if is_null else 'NOT '}NULL"
        if lookup == "in":
            return self._in(sql, [convert(each) for each in value], kind)
        if lookup in ("contains", "icontains") and kind == "String":
            text, part = (sql, value) if lookup == "contains" else (_lower(sql), value.lower())
            return f"position({text}, {self.value(part, kind)}) > 0"
        if lookup == "startswith" and kind == "String":
            return f"startsWith({sql}, {self.value(value, kind)})"
        if lookup in COMPARISONS:
            return f"{sql} {COMPARISONS[lookup]} {self._bound(column, convert(value))}"
        raise _refused(name)

    def _bound(self, column: str, value: Any) -> str:
        placeholder = self.value(value, COLUMNS[column])
        if column == "timestamp":
            return f"fromUnixTimestamp64Micro({placeholder}, 'UTC')"
        return f"toUUID({placeholder})" if column == "uid" else placeholder

    def _in(self, sql: str, values: list[Any], kind: str) -> str:
        if not values:
            return "false"
        if sql == "timestamp":
            sql = "toUnixTimestamp64Micro(timestamp)"
        return f"{sql} IN {self.value(values, f'Array({kind})')}"

    def _compared(self, lookup: Any, operator: str) -> str:
        left, right = lookup.lhs, lookup.rhs
        constant = right.extra.get("template") if type(right) is Func else None
        if constant in CONSTANTS:
            return f"{self.expression(left)} {operator} {constant}"
        is_number = isinstance(left, Number | NumberFact)
        value = right.value if isinstance(right, Value) else right
        if not _is_value(value):
            raise _refused(lookup)
        return f"{self.expression(left)} {operator} {self.value(value, _kind(value, is_number))}"

    def _glob(self, glob: Any) -> str:
        text, pattern = glob.source_expressions
        like = pattern.value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return f"{self.expression(text)} LIKE {self.value(like.replace('*', '%'), 'String')}"

    def expression(self, expression: Any) -> str:
        """Return the SQL of a value."""
        if isinstance(expression, Lower):
            return _lower(self.expression(_source(expression)))
        if isinstance(expression, Col) and expression.alias == Log._meta.db_table:
            expression = F(expression.target.attname)
        if isinstance(expression, F):
            name: str = ALIASES.get(str(expression.name), str(expression.name))  # type: ignore[attr-defined]
            if name in COLUMNS:
                return name
        if isinstance(expression, Fact | NumberFact):
            key, as_number = expression.key, isinstance(expression, NumberFact)
            is_column = key in FACTS and as_number == (key in NUMBERS)
            return fact_column(key) if is_column else fact_sql(key, as_number=as_number)
        if isinstance(expression, Number):
            return number_sql(*self._keys(expression.keys))
        if isinstance(expression, Text):
            return text_sql(*self._keys(expression.keys))
        raise _refused(expression)

    def _keys(self, keys: Iterable[str]) -> list[str]:
        return [self.value(key, "String") for key in keys]


def _is_value(value: Any) -> bool:
    """Return whether ``value`` is neither an expression nor a query."""
    values = value if isinstance(value, list | tuple | set) else [value]
    return not any(hasattr(each, "resolve_expression") for each in values)


def _kind(value: Any, is_number: bool) -> str:
    return "Float64" if is_number or isinstance(value, float) else "String"


def _lower(sql: str) -> str:
    return f"lowerUTF8({sql})"


def _source(expression: Any) -> Any:
    return expression.source_expressions[0]


def _same(value: Any) -> Any:
    return value


def _key(value: Any) -> Any:
    return value.pk if isinstance(value, Model) else value


def _text_key(value: Any) -> str:
    return str(_key(value))


def _time(value: datetime) -> int:
    return microseconds(value)


_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "timestamp": _time,
    "user_id": _text_key,
    "content_type_id": _key,
    "object_id": str,
    "uid": str,
    "user_state": int,
    "status": int,
}


def _refused(part: Any) -> InvalidSearch:
    return InvalidSearch(f"ClickHouse cannot apply the condition {json.dumps(str(part))}.")
