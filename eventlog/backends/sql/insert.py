"""Inserting records without model instances, because ``objects.create()`` takes longer.

``benchmarks.cost`` compares both; ``benchmarks.delivery`` measures batches.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC
from functools import lru_cache, partial
from itertools import chain, islice
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from ...models.event import Log
from ...models.hourly import CountedHour
from ...models.keys import content_type_id, user_id, user_key
from ...models.relations import is_apart
from ...records.columns import Columns
from ...records.record import Record

Stored = tuple[Record, int]  # a record as it is stored, and its primary key

MAX_COPY_SECONDS = 0.25  # because a server may limit the time of a statement

COLUMNS = (
    "timestamp",
    "action",
    "user_id",
    "user_repr",
    "user_state",
    "content_type_id",
    "object_id",
    "object_repr",
    "is_request",
    "ip",
    "status",
    "own_keys",
    "uid",
    "extra",
)
MAX_ROWS = 999 // len(COLUMNS)  # in one statement, because SQLite 3.31 accepts 999 values


def insert(record: Record, using: str) -> Stored:
    """Insert one row, and mark its hour as stale; raise the errors of the database."""
    stored = insert_row(record, using)
    CountedHour.mark_stale([record.timestamp], using)
    return stored


def insert_row(record: Record, using: str) -> Stored:
    """Insert one row without marking its hour as stale.

    Inside a transaction, the key of a deleted user is stored as NULL. A foreign key that does not
    exist would only raise an error at the commit, and the whole transaction would be lost.
    """
    connection = connections[using]
    returning = connection.features.can_return_columns_from_insert
    only_if_user_exists = connection.in_atomic_block and record.user_id is not None
    only_if_user_exists = only_if_user_exists and not is_apart(get_user_model())
    with connection.cursor() as cursor:
        cursor.execute(
            _statement(using, returning, only_if_user_exists), _values(record, connection)
        )
        if not returning:
            pk = int(connection.ops.last_insert_id(cursor, Log._meta.db_table, "id"))
        else:
            pk, user = cursor.fetchone()
            if user is None:
                record = record._replace(user_id=None)
    return record, pk


def _values(record: Record, connection: BaseDatabaseWrapper) -> tuple[Any, ...]:
    """Return the values of ``COLUMNS`` for the driver."""
    user, model, object_id = record.user_id, record.model, record.object_id
    return (
        connection.ops.adapt_datetimefield_value(record.timestamp),
        record.action,
        None if user is None else user_key().get_db_prep_value(user_id(user), connection),
        record.user_repr,
        record.user_state,
        None if model is None else content_type_id(model, connection.alias),
        None if object_id is None else str(object_id),
        record.object_repr,
        record.is_request,
        record.ip,
        record.status,
        record.own_keys,
        record.uid or None,
        record.extra,
    )


@contextmanager
def bulk_inserter(connection: BaseDatabaseWrapper) -> Iterator[Callable[[Columns], None]]:
    """Provide a function that inserts many rows, without returning their keys.

    Rows may be inserted, and errors raised, as late as the end of the block. Until then, the
    connection accepts no other query. The caller marks the hours of the rows as stale
    (``CountedHour.mark_stale``) at the end of the transaction.
    """
    driver = getattr(connection, "Database", None)
    if connection.vendor == "postgresql" and hasattr(driver, "Copy"):  # psycopg 3
        with _Copying(connection) as copying:
            yield copying.write
    else:
        yield partial(_insert_many, connection)


class _Copying(ExitStack):
    """One COPY for all chunks of ``MAX_COPY_SECONDS``.

    Starting and ending a COPY costs two round trips and two waits for the GIL
    (``benchmarks.served``). In a trial with batches of 20,000 events, an INSERT from
    ``jsonb_to_recordset`` took 1.4 to 1.8 times as long as COPY.
    """

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        super().__init__()
        self._connection = connection
        self._content_types: dict[str | None, int | None] = {}
        self._copy: Any = None
        self._ends = 0.0

    def write(self, columns: Columns) -> None:
        unknown = {*columns.models} - {None} - self._content_types.keys()
        if unknown or self._copy is None or time.monotonic() > self._ends:
            self.close()
            # Looked up first, because the connection accepts no query during a COPY.
            for model in filter(None, unknown):
                self._content_types[model] = content_type_id(model, self._connection.alias)
            self._begin()
        lines = _as_copied(columns, self._content_types)
        # In slices, so that the server reads a slice while the next one is encoded.
        while some := "".join(islice(lines, MAX_ROWS)):
            self._copy.write(some)

    def _begin(self) -> None:
        cursor = self.enter_context(self._connection.cursor())
        self.enter_context(self._connection.wrap_database_errors)
        statement = f"COPY {Log._meta.db_table} ({', '.join(COLUMNS)}) FROM STDIN"
        self._copy = self.enter_context(cursor.copy(statement))
        self._ends = time.monotonic() + MAX_COPY_SECONDS


def _insert_many(connection: BaseDatabaseWrapper, columns: Columns) -> None:
    rows: Any = as_rows(columns, connection)  # drivers take any iterable
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            # executemany() acquires the GIL for each row and may wait for other threads each time,
            # while the database is locked.
            while some_rows := [*islice(rows, MAX_ROWS)]:
                values = [*chain.from_iterable(some_rows)]
                with connection.wrap_database_errors:
                    # On the connection of the driver, because a cursor of Django's searches the
                    # long statement for placeholders (benchmarks.delivery).
                    connection.connection.execute(_many(connection.alias, len(some_rows)), values)
        else:
            cursor.executemany(_statement(connection.alias), rows)


def as_rows(columns: Columns, connection: BaseDatabaseWrapper) -> Iterator[tuple[Any, ...]]:
    """Yield the values of ``COLUMNS`` for each record, as the driver takes them."""
    key = user_key()
    return zip(
        _times(columns, connection),
        columns.actions,
        _each(columns.user_ids, lambda user: key.get_db_prep_value(user_id(user), connection)),
        columns.user_reprs,
        columns.user_states,
        _each(columns.models, lambda model: content_type_id(model, connection.alias)),
        _each(columns.object_ids, str),
        columns.object_reprs,
        columns.requests,
        columns.ips,
        columns.statuses,
        columns.own_keys,
        [uid or None for uid in columns.uids],
        columns.extras,
        strict=True,
    )


def _times(columns: Columns, connection: BaseDatabaseWrapper) -> Iterable[Any]:
    in_utc = connection.timezone is UTC and connection.vendor in ("sqlite", "mysql")
    if in_utc and {text[26:] or text[19:] for text in columns.timestamps} == {_UTC}:
        # SQLite and MySQL accept text in the time zone of the connection.
        return [text[: -len(_UTC)].replace("T", " ") for text in columns.timestamps]
    return map(connection.ops.adapt_datetimefield_value, columns.moments())


_UTC = "+00:00"
_COPIED_BOOL = {True: "t", False: "f"}
_NULL, _BACKSLASH = r"\N", "\\"
_ESCAPES = str.maketrans({_BACKSLASH: r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def _as_copied(columns: Columns, content_types: Mapping[str | None, int | None]) -> Iterator[str]:
    """Yield lines in the text format of COPY."""
    rows = zip(
        columns.timestamps,
        _each(columns.actions, _copied),
        _each(columns.user_ids, lambda user: _copied(user_id(user)), _NULL),
        _each(columns.user_reprs, _copied),
        _each(columns.user_states, _copied, _NULL),
        _each(columns.models, lambda model: _copied(content_types[model]), _NULL),
        _each(columns.object_ids, _copied, _NULL),
        _each(columns.object_reprs, _copied),
        [_COPIED_BOOL[value] for value in columns.requests],
        _each(columns.ips, _copied, _NULL),
        _each(columns.statuses, _copied, _NULL),
        _each(columns.own_keys, _copied, _NULL),
        [uid or _NULL for uid in columns.uids],
        # JSON escapes tabs and line breaks.
        [f"{extra.replace(_BACKSLASH, _BACKSLASH * 2)}\n" for extra in columns.extras],
        strict=True,
    )
    return map("\t".join, rows)


def _copied(value: Any) -> str:
    return _NULL if value is None else str(value).translate(_ESCAPES)


def _each(values: Sequence[Any], convert: Callable[[Any], Any], null: Any = None) -> Iterable[Any]:
    """Convert each distinct value once; ``null`` replaces None."""
    converted = {value: convert(value) for value in {*values} - {None}}
    converted[None] = null
    return map(converted.__getitem__, values)


@lru_cache(maxsize=8)
def _statement(using: str, returning: bool = False, only_if_user_exists: bool = False) -> str:
    """Return the INSERT of one row; ``only_if_user_exists`` replaces unknown users by NULL."""
    quote = connections[using].ops.quote_name
    columns = ", ".join(quote(column) for column in COLUMNS)
    placeholders = dict.fromkeys(COLUMNS, "%s")
    if only_if_user_exists:
        key = user_key()
        column, table = quote(str(key.column)), quote(key.model._meta.db_table)
        placeholders["user_id"] = f"(SELECT {column} FROM {table} WHERE {column} = %s)"  # noqa: S608
    values = ", ".join(placeholders.values())
    statement = f"INSERT INTO {quote(Log._meta.db_table)} ({columns}) VALUES ({values})"  # noqa: S608 (names of models)
    return f"{statement} RETURNING {quote('id')}, {quote('user_id')}" if returning else statement


@lru_cache(maxsize=MAX_ROWS)
def _many(using: str, count: int) -> str:
    """Return the INSERT of many rows, with the placeholders of SQLite's cursor."""
    names, _, placeholders = _statement(using).partition(" VALUES ")
    return f"{names} VALUES " + ", ".join([placeholders.replace("%s", "?")] * count)
