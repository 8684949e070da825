"""``log()`` and ``alog()``: build a record from the arguments and pass it to the backend."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar, get_args

from asgiref.sync import AsyncToSync, sync_to_async
from django.db import connections, models, router
from django.http import HttpRequest
from django.utils.functional import LazyObject, Promise

from .backends import destinations, get_backend
from .backends.after_commit import call_after_commit
from .backends.capture import are_events_recorded, capture
from .backends.outside_transaction import write_outside_transaction
from .changes import KEY as CHANGES
from .changes import Changes, checked_changes
from .conf import conf
from .error_log import report
from .metadata import aload_user_agent_parser
from .metadata.context import context_of, current_context
from .models.event import Log
from .records.record import Record
from .records.redaction import redact
from .signals import is_notifying
from .threads import aoff_loop, off_loop

R = TypeVar("R")
Durability = Literal["transaction", "commit", "always"]

ALOG = "alog()"  # the name in error reports


def write(record: Record, durability: Durability, using: str, caller: str = "log()") -> Log | None:
    """Pass a record to the backend; return the row if it is written now."""
    validate_durability(durability)
    if not are_events_recorded():
        return None
    if (captured := capture(record, durability, using)) is not None:
        return captured
    rows = _write(get_backend().write, [record], durability, using, caller)
    return rows[0] if rows else None


def _write(
    store: Callable[[Sequence[Record]], R],
    records: Sequence[Record],
    durability: Durability,
    using: str,
    caller: str,
) -> R | None:
    """Call ``store``, a method of the backend, now or after the transaction."""
    backend = get_backend()
    if not connections[using].in_atomic_block:
        return _store_reporting(store, records, caller)
    if durability == "commit" or (backend.deferred and durability == "transaction"):
        # The site may set another schema before the commit.
        schema = destinations.schema_of(using)

        def write_after_commit() -> None:
            with destinations.in_schema(connections[using], schema):
                _store_reporting(store, records, caller)

        call_after_commit(write_after_commit, using)
        return None
    if durability == "always" and not backend.deferred:
        for record in records:
            write_outside_transaction(backend, record, using)
        return None
    return store(records)


async def awrite(record: Record, durability: Durability, using: str) -> Log | None:
    """See write()."""
    validate_durability(durability)
    if getattr(AsyncToSync.executors, "current", None) is not None:
        # Only the thread of async_to_sync() can be in a transaction. ``executors`` is private
        # (checked with asgiref 3.13).
        return await sync_to_async(write)(record, durability, using, ALOG)
    if not are_events_recorded():
        return None
    if (captured := capture(record)) is not None:
        return captured
    backend = get_backend()
    try:
        rows = await backend.awrite([record])
    except Exception as error:  # noqa: BLE001 (brokers and custom backends may raise any error)
        report(ALOG, error)
        return None
    return rows[0] if rows else None


def validate_durability(durability: Durability) -> None:
    """Raise ``ValueError`` for an unknown durability."""
    if durability not in get_args(Durability):
        raise ValueError(
            f"durability is {durability!r}; use one of: {', '.join(get_args(Durability))}"
        )


def _store_reporting(
    store: Callable[[Sequence[Record]], R], records: Sequence[Record], caller: str
) -> R | None:
    try:
        return store(records)
    except Exception as error:  # noqa: BLE001 (brokers and custom backends may raise any error)
        report(caller, error)
        return None


def _record(
    user: Any,
    action: str | Promise,
    extra: Any,
    obj: models.Model | None,
    dateof: datetime | None,
    request: HttpRequest | None,
    changes: Changes | None = None,
) -> Record:
    """Build a record from the arguments and the metadata of the current request."""
    if request is not None and not hasattr(request, "META"):
        kind = type(request).__name__
        raise TypeError(f"request is {request!r:.100} ({kind}); pass an HttpRequest or None")
    own = {} if extra is None else redact(extra)
    if changes is not None:
        own = _with_changes(own, changes)
    if isinstance(user, LazyObject):
        bool(user)  # Load the user first, because its session may say who acts in its name.
    context = current_context.get() if request is None else context_of(request)
    if context is None:
        record = Record.build(user, action, own, obj, dateof)
    else:
        given = context.given
        facts = context.facts() if conf.enrich or request is not None else given.facts
        if given.extra and isinstance(own, dict):
            own = {**given.extra, **own}
        record = Record.build(user, action, own, obj, dateof, facts)
        if user is None and given.user is not None:
            record = record.with_user(*given.user)
    # Events of receivers are not announced, because a receiver of its own events would never end.
    return record._replace(is_announced=False) if is_notifying() else record


def _with_changes(extra: Any, changes: Changes) -> Any:
    if not isinstance(extra, dict):
        kind = type(extra).__name__
        raise TypeError(f"extra is {extra!r:.100} ({kind}); with changes, give a dict or None")
    if CHANGES in extra:
        raise ValueError(f"extra has the key {CHANGES!r}, and changes is given; leave out one")
    return extra | {CHANGES: changes} if changes else extra


def log(
    user: Any,
    action: str | Promise,
    extra: Any = None,
    obj: models.Model | None = None,
    dateof: datetime | None = None,
    *,
    request: HttpRequest | None = None,
    durability: Durability = "transaction",
    changes: Mapping[str, Any] | None = None,
) -> Log | None:
    """Record that ``user`` did ``action``. Return the row if it is written now, and None otherwise.

    ``user`` is a user, an ``AnonymousUser``, or None if no user did it. ``extra`` is any JSON
    value; it is copied, and values under secret names are masked. ``obj`` is the model instance
    that the action is about. ``dateof`` is the time of the event, by default now. ``log()`` adds
    the facts of ``request``, or else of the request that the middleware handles now. ``changes`` is
    the result of ``diff(before, after)``.

    ``durability`` applies inside a transaction. ``"transaction"``: the event is part of the
    transaction and rolled back with it. ``"commit"``: the event is written after the commit, and
    its failure does not affect the transaction. ``"always"``: the event is written even if the
    transaction is rolled back.

    Raises ``TypeError`` or ``ValueError`` with the name of an invalid argument. If the
    event is part of a transaction, errors of the backend are raised, and the transaction fails.
    Other errors of the backend are reported on the ``eventlog`` logger.

    If ``EVENTLOG["ENABLED"]`` is false, nothing happens, and the arguments are not checked.
    """
    if not are_events_recorded():
        return None
    found = None if changes is None else checked_changes(changes)
    record = off_loop(lambda: _record(user, action, extra, obj, dateof, request, found))
    return write(record, durability, router.db_for_write(Log))


async def alog(
    user: Any,
    action: str | Promise,
    extra: Any = None,
    obj: models.Model | None = None,
    dateof: datetime | None = None,
    *,
    request: HttpRequest | None = None,
    durability: Durability = "transaction",
    changes: Mapping[str, Any] | None = None,
) -> Log | None:
    """Do the same as ``log()``, in async code.

    Async code is in a transaction only if it was called through ``async_to_sync()``.
    """
    if not are_events_recorded():
        return None
    if isinstance(user, LazyObject):  # request.user, which may need a query
        await sync_to_async(bool)(user)
    if request is not None and hasattr(request, "META"):
        await aload_user_agent_parser(request)
    found = None if changes is None else checked_changes(changes)
    record = await aoff_loop(lambda: _record(user, action, extra, obj, dateof, request, found))
    return await awrite(record, durability, router.db_for_write(Log))


def log_changes(events: Iterable[tuple[Any, str, models.Model, Changes]]) -> None:
    """Record changes of objects with one call of the backend, each as part of the transaction.

    ``events`` are tuples of user, action, object and the result of ``diff()``.
    """
    if not are_events_recorded():
        return
    using = router.db_for_write(Log)
    records = [
        record
        for user, action, obj, changes in events
        if (record := _record(user, action, None, obj, None, None, changes))
        and capture(record, "transaction", using) is None
    ]
    if records:
        _write(get_backend().write_without_rows, records, "transaction", using, "log_changes()")
