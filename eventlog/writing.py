"""From a record to the backend, in the caller's transaction, after it, or in spite of it."""

from typing import TYPE_CHECKING, Literal, get_args

from asgiref.sync import AsyncToSync, sync_to_async
from django.db import connections, transaction

from .backends import get_backend
from .backends.base import BaseBackend
from .backends.beside import write_beside
from .records import Record
from .reporting import report

if TYPE_CHECKING:
    from .models import Log

Durability = Literal["transaction", "commit", "always"]

ALOG = "alog()"  # as reports name it


def write(
    record: Record, durability: Durability, using: str, caller: str = "log()"
) -> "Log | None":
    """Hand a record to the backend; the row if it is written now."""
    check_durability(durability)
    backend = get_backend()
    if not connections[using].in_atomic_block:
        return _write_reporting(backend, record, caller)
    if durability == "commit" or (backend.deferred and durability == "transaction"):
        transaction.on_commit(lambda: _write_reporting(backend, record, caller), using=using)
        return None
    if durability == "always" and not backend.deferred:
        write_beside(backend, record, using)
        return None
    rows = backend.write([record])
    return rows[0] if rows else None


async def awrite(record: Record, durability: Durability, using: str) -> "Log | None":
    """See write()."""
    check_durability(durability)
    if getattr(AsyncToSync.executors, "current", None) is not None:
        # Below async_to_sync(), whose thread may be in a transaction. Async code itself is in none.
        return await sync_to_async(write)(record, durability, using, ALOG)
    backend = get_backend()
    try:
        rows = await backend.awrite([record])
    except Exception as error:  # noqa: BLE001 (a broker's, or that of a backend of the site's own)
        report(ALOG, error)
        return None
    return rows[0] if rows else None


def check_durability(durability: Durability) -> None:
    """Raise ``ValueError`` for one that does not exist."""
    if durability not in get_args(Durability):
        raise ValueError(
            f"durability is {durability!r}; give one of {', '.join(get_args(Durability))}"
        )


def _write_reporting(backend: BaseBackend, record: Record, caller: str) -> "Log | None":
    try:
        rows = backend.write([record])
    except Exception as error:  # noqa: BLE001 (a broker's, or that of a backend of the site's own)
        report(caller, error)
        return None
    return rows[0] if rows else None
