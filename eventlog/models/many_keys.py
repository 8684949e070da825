"""A condition for objects with one of many primary keys, which needs one parameter."""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import connections, models

from ..text import UNSTORABLE

MAX_INTEGER_KEY = 2**63  # one more than the largest integer of a column


class _Keys(models.Func):
    """The keys in a JSON array, as the rows of a subquery."""

    def __init__(self, keys: list[Any], key_type: str) -> None:
        value = models.Value(json.dumps(keys, default=str))
        super().__init__(value, output_field=models.TextField(), key_type=key_type)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "(SELECT value FROM json_each(%(expressions)s))"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = (
            "(SELECT value::%(key_type)s FROM json_array_elements_text(%(expressions)s::json))"
        )
        return self.as_sql(compiler, connection, template=template, **context)


def with_keys(objects: "models.QuerySet[Any]", keys: Iterable[Any]) -> "models.QuerySet[Any]":
    """Return the objects that have these primary keys.

    SQLite refuses a query with a parameter for each of many keys, and psycopg takes ten times as
    long for it. MariaDB and MySQL only limit the bytes of a query.
    """
    connection, field = connections[objects.db], objects.model._meta.pk
    keys = [key for key in keys if not isinstance(key, str) or not UNSTORABLE.search(key)]
    if connection.vendor not in ("sqlite", "postgresql"):
        return objects.filter(pk__in=keys)
    prepared = [field.get_db_prep_value(key, connection) for key in keys if key is not None]
    kinds = {type(key) for key in prepared}
    if kinds == {int}:
        # Not the type of the column, because a cast raises an error if a key is too large for it.
        prepared = [key for key in prepared if -MAX_INTEGER_KEY <= key < MAX_INTEGER_KEY]
        return objects.filter(pk__in=_Keys(prepared, "bigint"))
    if kinds <= {str} or kinds == {UUID}:
        key_type = field.cast_db_type(connection)
        # Without a length, because a cast cuts off the rest of a longer key.
        key_type = "varchar" if key_type.startswith("varchar(") else key_type
        return objects.filter(pk__in=_Keys(prepared, key_type))
    return objects.filter(pk__in=keys)  # such as bytes, which JSON cannot hold
