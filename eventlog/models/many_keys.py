"""A condition for objects with one of many primary keys, which needs one parameter."""

import json
from collections.abc import Iterable
from typing import Any, ClassVar

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper


class _Keys(models.Func):
    """The keys in a JSON array, as the rows of a subquery."""

    templates: ClassVar = {
        "sqlite": "(SELECT value FROM json_each(%(expressions)s))",
        "postgresql": (
            "(SELECT value::%(key_type)s FROM json_array_elements_text(%(expressions)s::json))"
        ),
    }

    def __init__(self, field: "models.Field[Any, Any]", keys: list[Any]) -> None:
        super().__init__(models.Value(json.dumps(keys, default=str)), output_field=field)

    def as_sql(
        self, compiler: Any, connection: BaseDatabaseWrapper, *args: Any, **context: Any
    ) -> Any:
        context["key_type"] = self.output_field.cast_db_type(connection)
        context["template"] = self.templates[connection.vendor]
        return super().as_sql(compiler, connection, *args, **context)


def with_keys(objects: "models.QuerySet[Any]", keys: Iterable[Any]) -> "models.QuerySet[Any]":
    """Return the objects that have these primary keys.

    SQLite refuses a query with a parameter for each of many keys, and psycopg takes ten times as
    long for it. Nothing limits the parameters of MariaDB and MySQL.
    """
    connection, field = connections[objects.db], objects.model._meta.pk
    if connection.vendor not in _Keys.templates:
        return objects.filter(pk__in=list(keys))
    prepared = [field.get_db_prep_value(key, connection) for key in keys]
    return objects.filter(pk__in=_Keys(field, prepared))
