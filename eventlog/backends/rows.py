"""Records into the table, past the ORM: its objects cost more than all else that is done here."""

from collections.abc import Callable, Sequence
from datetime import UTC
from functools import lru_cache
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import post_save

from ..hours import RolledHour
from ..models import Log, content_type_id, user_id, user_key
from ..records import Record
from ..signals import event_logged

Written = tuple[Record, int]  # a record as it was stored, and its primary key

SLICE = 200  # rows

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


def insert(record: Record, using: str) -> int:
    """Write one row; returns its primary key. Raises what the database raises."""
    connection = connections[using]
    returning = connection.features.can_return_columns_from_insert
    with connection.cursor() as cursor:
        cursor.execute(_statement(using, returning), row_maker(connection)(record))
        if returning:
            pk: int = cursor.fetchone()[0]
        else:
            pk = int(connection.ops.last_insert_id(cursor, Log._meta.db_table, "id"))
    RolledHour.touch([record.timestamp], using)
    return pk


def insert_many(records: Sequence[Record], connection: BaseDatabaseWrapper) -> None:
    """Write many rows at once, without learning their keys. Raises what the database raises."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql" and hasattr(cursor.cursor, "copy"):  # psycopg 3
            columns = ", ".join(COLUMNS)
            statement = f"COPY {Log._meta.db_table} ({columns}) FROM STDIN"
            for model in {record.model for record in records if record.model}:
                # Until the COPY ends, the connection answers no question: this is asked before.
                content_type_id(model, connection.alias)
            with connection.wrap_database_errors, cursor.copy(statement) as copy:
                # In slices, so that the server reads one while the next is made.
                for start in range(0, len(records), SLICE):
                    some = records[start : start + SLICE]
                    copy.write("".join([_copy_line(record, connection.alias) for record in some]))
        else:
            statement = _statement(connection.alias, False)
            rows: Any = map(row_maker(connection), records)  # drivers take any iterable
            cursor.executemany(statement, rows)
    RolledHour.touch((record.timestamp for record in records), connection.alias)


_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_NULL = r"\N"


def _copy_line(record: Record, using: str) -> str:
    """A row in the text format of COPY."""
    action, moment, user, user_repr, model, object_id, object_repr, extra = record
    user = None if user is None else user_id(user)
    kind = None if model is None else content_type_id(model, using)
    return (
        f"{moment.isoformat()}\t"
        f"{action if action.isidentifier() else action.translate(_ESCAPES)}\t"
        f"{_NULL if user is None else user}\t"
        f"{user_repr and user_repr.translate(_ESCAPES)}\t"
        f"{_NULL if kind is None else kind}\t"
        f"{_NULL if object_id is None else str(object_id).translate(_ESCAPES)}\t"
        f"{object_repr and object_repr.translate(_ESCAPES)}\t"
        # JSON has no bare tab or line break.
        f"{extra if _BACKSLASH not in extra else extra.replace(_BACKSLASH, _BACKSLASH * 2)}\n"
    )


_BACKSLASH = "\\"


def row_maker(connection: BaseDatabaseWrapper) -> Callable[[Record], tuple[Any, ...]]:
    """What makes of a record what it is in each of ``COLUMNS``, as the driver takes it."""
    using, adapt = connection.alias, connection.ops.adapt_datetimefield_value
    # SQLite and MariaDB take text in the connection's time zone; in UTC that is quickly said.
    in_utc = connection.timezone is UTC and connection.vendor in ("sqlite", "mysql")

    def make(record: Record) -> tuple[Any, ...]:
        action, moment, user, user_repr, model, object_id, object_repr, extra = record
        return (
            moment.isoformat(" ")[: -len("+00:00")]
            if in_utc and moment.tzinfo is UTC
            else adapt(moment),
            action,
            None if user is None else user_key().get_db_prep_value(user_id(user), connection),
            user_repr,
            None if model is None else content_type_id(model, using),
            None if object_id is None else str(object_id),
            object_repr,
            extra,
        )

    return make


@lru_cache(maxsize=8)
def _statement(using: str, returning: bool) -> str:
    quote = connections[using].ops.quote_name
    columns = ", ".join(quote(column) for column in COLUMNS)
    marks = ", ".join(["%s"] * len(COLUMNS))
    statement = f"INSERT INTO {quote(Log._meta.db_table)} ({columns}) VALUES ({marks})"  # noqa: S608 (names of ours)
    return f"{statement} RETURNING {quote('id')}" if returning else statement


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
