"""Records into the table, past the ORM: its objects cost more than all else that is done here."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC
from functools import lru_cache, partial
from itertools import islice
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import post_save

from ..hours import RolledHour
from ..models import Log, content_type_id, user_id, user_key
from ..records import Columns, Record
from ..signals import event_logged

Written = tuple[Record, int]  # a record as it was stored, and its primary key

SLICE = 120  # rows; older releases of SQLite take 999 values
LONGEST_COPY = 0.25  # seconds: a server may have a limit of its own for a statement

COLUMNS = (
    "timestamp",
    "action",
    "user_id",
    "user_repr",
    "content_type_id",
    "object_id",
    "object_repr",
    "extra",
)


def insert(record: Record, using: str) -> Written:
    """Write one row. Raises what the database raises.

    In a transaction, a user who is gone leaves the name in the event: that the key leads nowhere
    would be found out at its end, and the whole transaction lost.
    """
    connection = connections[using]
    returning = connection.features.can_return_columns_from_insert
    if_there = connection.in_atomic_block and record.user_id is not None
    (row,) = as_rows(Columns.of([record]), connection)
    with connection.cursor() as cursor:
        cursor.execute(_statement(using, returning, if_there), row)
        if not returning:
            pk = int(connection.ops.last_insert_id(cursor, Log._meta.db_table, "id"))
        else:
            pk, user = cursor.fetchone()
            if user is None:
                record = record._replace(user_id=None)
    RolledHour.touch([record.timestamp], using)
    return record, pk


@contextmanager
def inserting(connection: BaseDatabaseWrapper) -> Iterator[Callable[[Columns], None]]:
    """A function that writes many rows at once, without learning their keys.

    Rows may only be there at the end, and what is wrong with them may be raised as late; until
    then, nothing else is asked of the connection. Whoever calls marks their hours
    (``RolledHour.touch``) at the end of the transaction. Raises what the database raises.
    """
    driver = getattr(connection, "Database", None)
    if connection.vendor == "postgresql" and hasattr(driver, "Copy"):  # psycopg 3
        with _Copying(connection) as copying:
            yield copying.write
    else:
        yield partial(_insert_many, connection)


class _Copying(ExitStack):
    """A COPY for as many pieces as come soon enough.

    To begin and to end one, its process waits for the server and then for the interpreter: that is
    much for a small piece, and more for the threads that are at work beside it.
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
            # Until the COPY ends, the connection answers no question: this is asked before.
            for model in filter(None, unknown):
                self._content_types[model] = content_type_id(model, self._connection.alias)
            self._begin()
        lines = _as_copied(columns, self._content_types)
        # In slices, so that the server reads one while the next is made.
        while some := "".join(islice(lines, SLICE)):
            self._copy.write(some)

    def _begin(self) -> None:
        cursor = self.enter_context(self._connection.cursor())
        self.enter_context(self._connection.wrap_database_errors)
        statement = f"COPY {Log._meta.db_table} ({', '.join(COLUMNS)}) FROM STDIN"
        self._copy = self.enter_context(cursor.copy(statement))
        self._ends = time.monotonic() + LONGEST_COPY


def _insert_many(connection: BaseDatabaseWrapper, columns: Columns) -> None:
    rows: Any = as_rows(columns, connection)  # drivers take any iterable
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            # Not executemany(), which takes the interpreter anew for each row: that is a wait for
            # each other thread that is at work, while the table is locked.
            while some_rows := [*islice(rows, SLICE)]:
                values = [value for row in some_rows for value in row]
                with connection.wrap_database_errors:
                    cursor.cursor.execute(_many(connection.alias, len(some_rows)), values)
        else:
            cursor.executemany(_statement(connection.alias), rows)


def as_rows(columns: Columns, connection: BaseDatabaseWrapper) -> Iterator[tuple[Any, ...]]:
    """What records are in each of ``COLUMNS``, as the driver takes it."""
    key = user_key()
    return zip(
        _times(columns, connection),
        columns.actions,
        _each(columns.user_ids, lambda user: key.get_db_prep_value(user_id(user), connection)),
        columns.user_reprs,
        _each(columns.models, lambda model: content_type_id(model, connection.alias)),
        _each(columns.object_ids, str),
        columns.object_reprs,
        columns.extras,
        strict=True,
    )


def _times(columns: Columns, connection: BaseDatabaseWrapper) -> Iterable[Any]:
    in_utc = connection.timezone is UTC and connection.vendor in ("sqlite", "mysql")
    if in_utc and {text[26:] or text[19:] for text in columns.timestamps} == {_UTC}:
        # These take text in the connection's time zone, which has to be turned but little.
        return [text[: -len(_UTC)].replace("T", " ") for text in columns.timestamps]
    return map(connection.ops.adapt_datetimefield_value, columns.moments())


_UTC = "+00:00"
_NULL, _BACKSLASH = r"\N", "\\"
_ESCAPES = str.maketrans({_BACKSLASH: r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def _as_copied(columns: Columns, content_types: Mapping[str | None, int | None]) -> Iterator[str]:
    """Rows in the text format of COPY."""
    rows = zip(
        columns.timestamps,
        _each(columns.actions, _copied),
        _each(columns.user_ids, lambda user: _copied(user_id(user)), _NULL),
        _each(columns.user_reprs, _copied),
        _each(columns.models, lambda model: _copied(content_types[model]), _NULL),
        _each(columns.object_ids, _copied, _NULL),
        _each(columns.object_reprs, _copied),
        # JSON has no bare tab or line break.
        [f"{extra.replace(_BACKSLASH, _BACKSLASH * 2)}\n" for extra in columns.extras],
        strict=True,
    )
    return map("\t".join, rows)


def _copied(value: Any) -> str:
    return _NULL if value is None else str(value).translate(_ESCAPES)


def _each(values: Sequence[Any], convert: Callable[[Any], Any], null: Any = None) -> Iterable[Any]:
    """The values converted, each different one once; ``null`` in place of None."""
    converted = {value: convert(value) for value in {*values} - {None}}
    converted[None] = null
    return map(converted.__getitem__, values)


@lru_cache(maxsize=8)
def _statement(using: str, returning: bool = False, if_there: bool = False) -> str:
    """``if_there``: the user's key only if there is such a user."""
    quote = connections[using].ops.quote_name
    columns = ", ".join(quote(column) for column in COLUMNS)
    marks = dict.fromkeys(COLUMNS, "%s")
    if if_there:
        key = user_key()
        column, table = quote(str(key.column)), quote(key.model._meta.db_table)
        marks["user_id"] = f"(SELECT {column} FROM {table} WHERE {column} = %s)"  # noqa: S608
    values = ", ".join(marks.values())
    statement = f"INSERT INTO {quote(Log._meta.db_table)} ({columns}) VALUES ({values})"  # noqa: S608 (names of ours)
    return f"{statement} RETURNING {quote('id')}, {quote('user_id')}" if returning else statement


@lru_cache(maxsize=SLICE)
def _many(using: str, count: int) -> str:
    """For SQLite's own cursor, whose marks these are: Django's would look for a thousand others."""
    names, _values, marks = _statement(using).partition(" VALUES ")
    return f"{names} VALUES " + ", ".join([marks.replace("%s", "?")] * count)


def somebody_listens() -> bool:
    """Whether it is worth making an object of each row that was written."""
    return event_logged.has_listeners(Log) or post_save.has_listeners(Log)


def rows_of(written: Sequence[Written]) -> Sequence[Log]:
    """The rows as objects."""
    rows = [Log.from_record(record, pk) for record, pk in written]
    # Sites that come from pinax-eventlog may listen to Django's own signal.
    if post_save.has_listeners(Log):
        for row in rows:
            post_save.send_robust(
                sender=Log,
                instance=row,
                created=True,
                raw=False,
                using=row._state.db,
                update_fields=None,
            )
    return rows


def announce(rows: Sequence[Log]) -> None:
    """Send ``event_logged`` for each row."""
    for row in rows:
        event_logged.send_robust(sender=Log, event=row)


async def aannounce(rows: Sequence[Log]) -> None:
    """See announce()."""
    for row in rows:
        await event_logged.asend_robust(sender=Log, event=row)
