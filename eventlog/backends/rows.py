"""Records into the table, past the ORM: its objects cost more than all else that is done here."""

from functools import lru_cache
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from ..models import Log, content_type_id, user_id, user_key
from ..records import Record

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
