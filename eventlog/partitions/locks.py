"""Short waits for locks, repeated, so that a statement that needs a lock blocks writers briefly."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from django.db import OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

R = TypeVar("R")

LOCK_TIMEOUT_MS = 150  # for each lock; other sessions wait at most as long as we do
MAX_ATTEMPTS = 60
MAX_PAUSE = 5.0  # seconds between two attempts
# lock_not_available, deadlock_detected
LOCK_ERRORS = ("55P03", "40P01")


class LockWaits(NamedTuple):
    """Limits of the waits for locks."""

    timeout_ms: int = LOCK_TIMEOUT_MS
    attempts: int = MAX_ATTEMPTS
    max_pause: float = MAX_PAUSE


DEFAULT = LockWaits()


def sqlstate_of(error: BaseException) -> str:
    """Return PostgreSQL's code of an error; empty for other errors."""
    cause = error.__cause__
    # psycopg 3 and psycopg2
    return getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or ""


def retry_until_locked(run: Callable[[], R], waits: LockWaits = DEFAULT) -> R:
    """Call ``run`` until it gets its locks; raise the last error after ``waits.attempts``.

    A pause follows each failed attempt, so that the sessions that waited behind ours can go on.
    """
    for attempt in range(1, waits.attempts):
        try:
            return run()
        except OperationalError as error:
            if sqlstate_of(error) not in LOCK_ERRORS:
                raise
        pause = min(waits.max_pause, 0.1 * 1.5**attempt)
        time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
    return run()


def run_in_transaction(
    connection: BaseDatabaseWrapper, run: Callable[[Any], R], waits: LockWaits = DEFAULT
) -> R:
    """Call ``run`` with a cursor, in a transaction that waits briefly for each lock."""

    def attempt() -> R:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {waits.timeout_ms}")
            return run(cursor)

    return retry_until_locked(attempt, waits)


@contextmanager
def lock_timeout(connection: BaseDatabaseWrapper, waits: LockWaits = DEFAULT) -> Iterator[Any]:
    """Provide a cursor for statements that cannot run in a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {waits.timeout_ms}")
        try:
            yield cursor
        finally:
            cursor.execute("RESET lock_timeout")
