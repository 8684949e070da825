"""Text columns that every database compares byte by byte."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import lookups

LAST_CHARACTER = "\U0010ffff"


class ExactField(models.CharField):  # type: ignore[type-arg]  # CharField takes none at run time
    """Text whose case, accents and trailing spaces are significant, also on MariaDB and MySQL.

    A collation names its character set, so the column is utf8mb4 whatever the table is.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        parameters = super().db_parameters(connection)
        if connection.vendor == "mysql":
            return {**parameters, "collation": _binary_collation(connection)}
        return parameters


class NameField(ExactField):
    """Text that PostgreSQL also sorts by bytes, such as an action.

    Its index is cheaper to write, and it serves prefixes such as ``LOGIN`` in every locale. Names
    of people keep the locale, because PostgreSQL needs it to fold the case of É and é.
    """

    @staticmethod
    def begins(column: str, prefix: str) -> models.Q:
        """Return the condition that ``column`` begins with ``prefix``, case included.

        The condition is a range, because LIKE ignores case on SQLite and uses no index on MariaDB.
        """
        return models.Q(**{f"{column}__gte": prefix, f"{column}__lt": prefix + LAST_CHARACTER})

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        parameters = super().db_parameters(connection)
        if connection.vendor == "postgresql":
            return {**parameters, "collation": "C"}
        return parameters


def _binary_collation(connection: Any) -> str:
    """Return a binary collation, which also tells "anna" from "anna " if the server has one."""
    if connection.mysql_is_mariadb:
        return "utf8mb4_nopad_bin"
    return "utf8mb4_0900_bin" if connection.mysql_version >= (8, 0, 17) else "utf8mb4_bin"


class _AnyCase(lookups.BuiltinLookup):
    """A case-insensitive lookup, for which MariaDB and MySQL need another collation."""

    def process_lhs(
        self, compiler: Any, connection: BaseDatabaseWrapper, lhs: Any = None
    ) -> tuple[str, Any]:
        sql, params = super().process_lhs(compiler, connection, lhs)
        if connection.vendor == "mysql":
            sql = f"{sql} COLLATE utf8mb4_unicode_520_ci"
        return sql, params


for _lookup in (lookups.IExact, lookups.IContains, lookups.IStartsWith, lookups.IEndsWith):
    ExactField.register_lookup(type(_lookup.__name__, (_AnyCase, _lookup), {}))
