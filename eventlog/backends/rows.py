"""Records into the table, past the ORM: its objects cost more than all else that is done here."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import post_save

from ..models import Log, content_type_id, user_id, user_key
from ..records import Record
from ..signals import event_logged

Written = tuple[Record, int]  # a record as it was stored, and its primary key

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
        cursor.execute(_statement(using, returning), values(record, connection))
        if returning:
            pk: int = cursor.fetchone()[0]
            return pk
        return int(connection.ops.last_insert_id(cursor, Log._meta.db_table, "id"))


def insert_many(records: Sequence[Record], connection: BaseDatabaseWrapper) -> None:
    """Write many rows at once, without learning their keys. Raises what the database raises."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql" and hasattr(cursor.cursor, "copy"):  # psycopg 3
            columns = ", ".join(COLUMNS)
            statement = f"COPY {Log._meta.db_table} ({columns}) FROM STDIN"
            # Before the COPY begins: until its end the connection answers no other question.
            text = "".join([_copy_line(record, connection.alias) for record in records])
            with connection.wrap_database_errors, cursor.copy(statement) as copy:
                copy.write(text)
        else:
            statement = _statement(connection.alias, False)
            cursor.executemany(statement, [values(record, connection) for record in records])


_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def _copy_line(record: Record, using: str) -> str:
    """A row in the text format of COPY."""
    model, user, object_id = record.model, user_id(record.user_id), record.object_id
    fields = (
        record.timestamp.isoformat(),
        record.action.translate(_ESCAPES),
        r"\N" if user is None else str(user),
        record.user_repr.translate(_ESCAPES),
        r"\N" if model is None else str(content_type_id(model, using) or r"\N"),
        r"\N" if object_id is None else str(object_id).translate(_ESCAPES),
        record.object_repr.translate(_ESCAPES),
        record.extra.replace("\\", r"\\"),  # JSON has no bare tab or line break
    )
    return "\t".join(fields) + "\n"


def values(record: Record, connection: BaseDatabaseWrapper) -> tuple[Any, ...]:
    """What ``record`` is in each of ``COLUMNS``, as the driver takes it."""
    model = record.model
    return (
        connection.ops.adapt_datetimefield_value(record.timestamp),
        record.action,
        user_key().get_db_prep_value(user_id(record.user_id), connection),
        record.user_repr,
        None if model is None else content_type_id(model, connection.alias),
        None if record.object_id is None else str(record.object_id),
        record.object_repr,
        record.extra,
    )


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
            post_save.send(
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
