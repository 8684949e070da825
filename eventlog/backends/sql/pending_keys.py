"""Foreign keys that are filled in after the event was stored.

An event that is written outside the caller's transaction must not wait for the caller's locks, and
cannot refer to an uncommitted user or content type. The event is written without these keys, and a
row of ``PendingKey`` holds them until they can be filled in. Filling in also marks the hour of the
event as stale, because the caller may hold the lock on the row of this hour.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import (
    DatabaseError,
    IntegrityError,
    OperationalError,
    connections,
    models,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from ...models.event import Log
from ...models.hourly import CountedHour
from ...models.keys import user_id, user_key
from ...models.pending_key import PendingKey
from ...models.relations import database_of
from ...records.record import Record
from .insert import Stored, insert, insert_row

MAX_FILLED = 1000  # events in one call
MAX_LOCKED = 3  # events in one call that wait for LOCK_TIMEOUT
LOCK_TIMEOUT = "100ms"  # PostgreSQL waits for locks on tables and in foreign key checks
MAX_PENDING_AGE = timedelta(days=1)  # after that, the transaction was rolled back

# deadlock_detected, lock_not_available, query_canceled
POSTGRESQL_LOCK_ERRORS = ("40P01", "55P03", "57014")
# ER_LOCK_WAIT_TIMEOUT (also NOWAIT on MariaDB), ER_LOCK_DEADLOCK, ER_LOCK_NOWAIT
MYSQL_LOCK_ERRORS = (1205, 1213, 3572)


def insert_without_waiting(
    record: Record, using: str, on_locked: Callable[[], None] = lambda: None
) -> Stored:
    """Insert one row, without keys that another transaction has locked, deleted or not committed.

    The hour of the event is marked as stale later if another transaction has locked its row.
    ``on_locked`` is called before this function waits for a lock on a table.
    """
    try:
        with _limited_transaction(using):
            if _lock_keys(record, using):
                CountedHour.lock_old([record.timestamp], using)
                return insert(record, using)
    except DatabaseError:
        pass  # The row without keys may succeed, because it needs no other row and no such lock.
    try:
        with _limited_transaction(using):
            return _insert_without_keys(record, using)
    except OperationalError as error:
        if not is_lock_error(error):
            raise
    # PostgreSQL locks the table of users also to check a foreign key that is NULL.
    on_locked()
    with transaction.atomic(using=using):
        return _insert_without_keys(record, using)


def _insert_without_keys(record: Record, using: str) -> Stored:
    stored = insert_row(record._replace(user_id=None, model=None), using)
    PendingKey.objects.using(using).create(
        event_id=stored[1],
        user_id="" if record.user_id is None else str(record.user_id),
        model=record.model or "",
    )
    return stored


def is_lock_error(error: Exception) -> bool:
    """Return whether a statement failed because of a lock, so that it may succeed later."""
    cause = error.__cause__
    return (
        isinstance(cause, sqlite3.OperationalError)
        or getattr(cause, "sqlstate", None) in POSTGRESQL_LOCK_ERRORS
        or (error.args or (None,))[0] in MYSQL_LOCK_ERRORS
    )


@contextmanager
def _limited_transaction(using: str) -> Iterator[None]:
    """Begin a transaction in which PostgreSQL waits at most ``LOCK_TIMEOUT`` for each lock."""
    connection = connections[using]
    with transaction.atomic(using=using):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
        yield


def _lock_keys(record: Record, using: str) -> bool:
    """Return whether the user and the content type exist, and lock their rows."""
    if record.model is not None and _lock_content_type(record.model, using) is None:
        return False
    key = user_id(record.user_id)
    return key is None or _lock_user(key, using)


def _lock_user(key: Any, using: str) -> bool:
    """Return whether the user exists, and lock the row."""
    field = user_key()
    clause = _share_lock(connections[using])
    return _lock(field.model, models.Q((field.name, key)), using, clause) is not None


def _lock_content_type(model: str, using: str) -> Any:
    """Return the key of a content type, or None; lock the row.

    PostgreSQL needs more privileges to lock the row than to check a foreign key, so that the
    foreign key check locks the row.
    """
    connection = connections[using]
    clause = "" if connection.vendor == "postgresql" else _share_lock(connection)
    app_label, _, name = model.partition(".")
    return _lock(ContentType, models.Q(app_label=app_label, model=name), using, clause)


def _lock(model: type[models.Model], condition: models.Q, using: str, clause: str) -> Any:
    """Return the primary key of a row, or None, and lock the row in the database of the events.

    Raises ``OperationalError`` if another transaction holds a lock on the row.
    """
    database = database_of(model, using)
    # Without a manager, because the site's managers may hide rows.
    all_rows: models.QuerySet[Any] = models.QuerySet(model, using=database)
    rows = all_rows.filter(condition).order_by().values_list("pk", flat=True)
    if database != using:
        return rows.first()
    statement, values = rows.query.get_compiler(database).as_sql()
    with connections[database].cursor() as cursor:
        cursor.execute(f"{statement} {clause}", values)
        row = cursor.fetchone()
    return row and row[0]


def _share_lock(connection: BaseDatabaseWrapper) -> str:
    """Return the clause that takes the lock of a foreign key without waiting."""
    if connection.vendor == "sqlite":
        return ""
    if connection.vendor == "postgresql":
        return "FOR KEY SHARE NOWAIT"
    if getattr(connection, "mysql_is_mariadb", False):
        return "LOCK IN SHARE MODE NOWAIT"
    return "FOR SHARE NOWAIT"


def fill_in_keys(using: str) -> int:
    """Fill in the keys that exist and are not locked now; return the number of completed events."""
    filled = locked = 0
    for pending in PendingKey.objects.using(using).order_by("pk")[:MAX_FILLED]:
        try:
            with _limited_transaction(using):
                filled += _fill_in_one(pending, using)
        except (IntegrityError, OperationalError) as error:
            if not isinstance(error, IntegrityError) and not is_lock_error(error):
                raise
            locked += 1
            if locked == MAX_LOCKED:
                break
    return filled


def _fill_in_one(pending: PendingKey, using: str) -> bool:
    events = Log.objects.using(using).filter(pk=pending.event_id)
    event = events.only("timestamp").first()
    if event is None:
        pending.delete(using=using)
        return False
    values = {}
    key = user_id(pending.user_id or None)
    if key is not None and _lock_user(key, using):
        values["user_id"] = key
    # Not from the cache of content types, because it may hold a row that was rolled back.
    if pending.model and (kind := _lock_content_type(pending.model, using)) is not None:
        values["content_type_id"] = kind
    CountedHour.lock_old([event.timestamp], using)
    if values:
        events.update(**values)
    CountedHour.mark_stale([event.timestamp], using)
    is_complete = len(values) == bool(pending.user_id) + bool(pending.model)
    if is_complete or event.timestamp < timezone.now() - MAX_PENDING_AGE:
        pending.delete(using=using)
    return is_complete
