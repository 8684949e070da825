"""Records into the table, past the ORM: its objects cost more than all else that is done here."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC
from functools import lru_cache
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


def insert_many(columns: Columns, connection: BaseDatabaseWrapper) -> None:
    """Write many rows at once, without learning their keys. Raises what the database raises.

    Whoever calls marks their hours (``RolledHour.touch``) at the end of the transaction.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql" and hasattr(cursor.cursor, "copy"):  # psycopg 3
            names = ", ".join(COLUMNS)
            statement = f"COPY {Log._meta.db_table} ({names}) FROM STDIN"
            for model in filter(None, {*columns.models}):
                # Until the COPY ends, the connection answers no question: this is asked before.
                content_type_id(model, connection.alias)
            lines = _as_copied(columns, connection.alias)
            with connection.wrap_database_errors, cursor.copy(statement) as copy:
                # In slices, so that the server reads one while the next is made.
                while some := "".join(islice(lines, SLICE)):
                    copy.write(some)
        elif connection.vendor == "sqlite":
            # Not executemany(), which takes the interpreter anew for each row: that is a wait for
            # each other thread that is at work, while the table is locked.
            rows = as_rows(columns, connection)
            while some_rows := [*islice(rows, SLICE)]:
                values = [value for row in some_rows for value in row]
                with connection.wrap_database_errors:
                    cursor.cursor.execute(_many(connection.alias, len(some_rows)), values)
        else:
            all_rows: Any = as_rows(columns, connection)  # drivers take any iterable
            cursor.executemany(_statement(connection.alias), all_rows)


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


def _as_copied(columns: Columns, using: str) -> Iterator[str]:
    """Rows in the text format of COPY."""
    rows = zip(
        columns.timestamps,
        _each(columns.actions, _copied),
        _each(columns.user_ids, lambda user: _copied(user_id(user)), _NULL),
        _each(columns.user_reprs, _copied),
        _each(columns.models, lambda model: _copied(content_type_id(model, using)), _NULL),
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
