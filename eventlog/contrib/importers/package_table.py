"""A table whose columns are known, so that it can be read without the package that made it."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from django.apps import apps
from django.apps.registry import Apps
from django.db import connections, models, router

from ...models import Log
from ...models.keys import user_key
from .table import SourceTable

Factory = Callable[[], "models.Field[Any, Any]"]


def user_key_field() -> "models.Field[Any, Any]":
    """Return a column with the primary key of a user."""
    key = user_key()
    if isinstance(key, models.IntegerField):
        return models.BigIntegerField(null=True)
    _name, _path, args, kwargs = key.deconstruct()
    for option in ("primary_key", "default", "unique"):
        kwargs.pop(option, None)
    return type(key)(*args, **{**kwargs, "null": True})


class PackageTable(SourceTable):
    """A table of a package, read with the model of the package, or with an equal one.

    The model of the package is missing if the site has removed the package from
    ``INSTALLED_APPS``. Its table remains until the site drops it.
    """

    db_table: str
    fields: Mapping[str, Factory]
    """The columns besides ``id``. Tables of earlier releases may lack some of them."""

    def __init__(self, using: str | None = None) -> None:
        # Without the package, no database router can know its models.
        found = using or (None if self.installed_model else router.db_for_read(Log))
        super().__init__(found)

    @property
    def label(self) -> str:
        """The label of the package's model."""
        return self.name

    @cached_property
    def installed_model(self) -> type[models.Model] | None:
        """The model of the package, if the package is in ``INSTALLED_APPS``."""
        try:
            return apps.get_model(self.label)
        except (LookupError, ValueError):
            return None

    @cached_property
    def model(self) -> type[models.Model]:
        """The model of the package, or an equal one."""
        return self.installed_model or _own_model(self.db_table, self.fields)

    @cached_property
    def columns(self) -> Sequence[str]:
        """The columns to read, without those that an earlier release of the package lacks."""
        connection = connections[self.using]
        with connection.cursor() as cursor:
            description = connection.introspection.get_table_description(
                cursor, self.model._meta.db_table
            )
        existing = {column.name for column in description}
        known = {field.attname: field.column for field in self.model._meta.concrete_fields}
        return [name for name in self.fields if known.get(name) in existing]


def _own_model(db_table: str, fields: Mapping[str, Factory]) -> type[models.Model]:
    """Return a model of an existing table, which only this module knows."""
    # Migrations, content types and permissions do not see models outside the site's registry.
    options = {"apps": Apps(), "app_label": __name__, "managed": False, "db_table": db_table}
    attributes: dict[str, Any] = {name: build() for name, build in fields.items()}
    attributes |= {
        "id": models.BigAutoField(primary_key=True),
        "Meta": type("Meta", (), options),
        "__module__": __name__,
    }
    return type("Row", (models.Model,), attributes)
