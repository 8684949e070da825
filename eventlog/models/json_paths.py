"""Paths to nested values of a JSON document, for keys that a database's paths cannot express.

==========  ==================  ===================================================================
PostgreSQL  ``0``, ``-1``       ``#>`` takes a number for the place of an item in a list.
SQLite      ``a"b``             A label ends at the first quote, escaped or not, before SQLite 3.47.
MariaDB     ``-1``, ``-x``      A label that starts with a minus finds nothing.
==========  ==================  ===================================================================
"""

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

# As the function strtol() of C reads it, which PostgreSQL calls.
_INTEGER = re.compile(r"[ \t\n\v\f\r]*[+-]?[0-9]+")


_Params = tuple[str, ...]


class NestedDocument(NamedTuple):
    """A document in SQL with its parameters, and the keys to follow in it."""

    sql: str
    params: tuple[str, ...]
    keys: Sequence[str]

    @property
    def path(self) -> str:
        """The keys as a path of SQLite, MariaDB and MySQL."""
        return path_of(self.keys)


def path_of(keys: Sequence[str]) -> str:
    """Return keys as a path of SQLite, MariaDB and MySQL."""
    return "$" + "".join(f".{json.dumps(key)}" for key in keys)


def innermost_document(
    column: str, keys: Sequence[str], connection: BaseDatabaseWrapper
) -> NestedDocument:
    """Return the innermost document from which a path of the database leads to the value."""
    needs_step = {"postgresql": _is_integer, "sqlite": _has_quote}.get(
        connection.vendor, _has_minus if getattr(connection, "mysql_is_mariadb", False) else _never
    )
    step = {"postgresql": _postgresql, "sqlite": _sqlite}.get(connection.vendor, _mariadb)
    steps = max((place for place, key in enumerate(keys, 1) if needs_step(key)), default=0)
    sql = column
    params: _Params = ()
    for key in keys[:steps]:
        sql, params = step(sql, params, key)
    return NestedDocument(sql, params, keys[steps:])


def _is_integer(key: str) -> bool:
    return _INTEGER.fullmatch(key) is not None


def _has_quote(key: str) -> bool:
    return '"' in key


def _has_minus(key: str) -> bool:
    return key.startswith("-")


def _never(key: str) -> bool:
    return False


def _postgresql(sql: str, params: _Params, key: str) -> tuple[str, _Params]:
    return f"({sql} -> %s::text)", (*params, key)


def _sqlite(sql: str, params: _Params, key: str) -> tuple[str, _Params]:
    # JSON_EACH returns text without its quotes, 1 for true, and NULL for null.
    value = (
        "CASE type WHEN 'text' THEN JSON_QUOTE(value) "
        "WHEN 'true' THEN type WHEN 'false' THEN type WHEN 'null' THEN type ELSE value END"
    )
    found = f"(SELECT {value} FROM JSON_EACH({sql}) WHERE key = %s)"  # noqa: S608 (no input)
    return found, (*params, key)


def _mariadb(sql: str, params: _Params, key: str) -> tuple[str, _Params]:
    """Return the value at the place that the key has in the list of all keys."""
    place = f"JSON_SEARCH(JSON_KEYS({sql}) COLLATE utf8mb4_bin, 'one', %s, '|')"
    pattern = re.sub(r"([|%_])", r"|\1", key)
    value = f"JSON_EXTRACT(JSON_EXTRACT({sql}, '$.*'), JSON_UNQUOTE({place}))"
    return value, (*params, *params, pattern)
