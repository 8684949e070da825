"""The values that the database had when an instance was loaded or saved, kept with the instance.

Comparing with them needs no query.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import wraps
from typing import Any, cast
from uuid import UUID

from django.core.files import File
from django.db import connections
from django.db.models import Model

from ...changes import is_equal
from .tracking import Tracking, tracking_of

# Attributes of ``instance._state``, which copies and pickles keep.
_VALUES, _EPOCH = "eventlog_values", "eventlog_epoch"
_NOTHING: Mapping[str, Any] = {}
_IMMUTABLE = frozenset(
    [type(None), bool, int, float, str, bytes, Decimal, date, datetime, time, timedelta, UUID]
)


def known_values(instance: Model, tracking: Tracking, using: str) -> Mapping[str, Any]:
    """Return the values by attribute; none if they may differ from the row in the database."""
    state = vars(instance._state)
    values: Any = state.get(_VALUES)
    if values is None or instance._state.adding or instance._state.db != using:
        return _NOTHING
    if isinstance(values, tuple):
        state[_VALUES] = values = dict(zip(*values, strict=True))
    own = vars(instance)
    if any(values.get(name) != own.get(name) for name in tracking.key):
        return _NOTHING  # a changed key belongs to another row
    epoch = state.get(_EPOCH)
    # The transaction in which the values were saved may have been rolled back.
    return values if epoch is None or epoch is _epoch(using) else _NOTHING


class _Epoch:
    """The time between two commits or rollbacks of a connection."""

    def __reduce__(self) -> Any:
        return _Epoch, ()  # An unpickled instance may be in another process or transaction.


class _Hooks(list[Any]):
    """The hooks of ``on_commit()``, with the epoch, so that instances need not keep the hooks."""

    def __init__(self, hooks: Iterable[Any]) -> None:
        super().__init__(hooks)
        self.epoch = _Epoch()


def _epoch(using: str) -> _Epoch:
    """Return an object that differs after each commit and rollback, to savepoints as well."""
    connection = connections[using]
    # Django replaces the list of hooks then.
    if not isinstance(connection.run_on_commit, _Hooks):
        connection.run_on_commit = _Hooks(connection.run_on_commit)
    return connection.run_on_commit.epoch


def remember_loaded(
    instance: Model, tracking: Tracking, names: Sequence[str], values: Sequence[Any]
) -> None:
    """Keep the values that ``from_db()`` has received, as names and row until they are needed."""
    if tracking.has_documents:
        values = [_kept(value) for value in values]
    vars(instance._state)[_VALUES] = (names, values)


def add_loaded(instance: Model, tracking: Tracking, values: Mapping[str, Any], using: str) -> None:
    """Keep further values of the row in the database."""
    known = known_values(instance, tracking, using)
    _set(instance, tracking, {**known, **values}, using)


def remember_saved(
    instance: Model,
    tracking: Tracking,
    values: Mapping[str, Any],
    using: str,
    *,
    created: bool,
    computed: Collection[str],
) -> None:
    """Keep the values that were saved, except those that the database has ``computed``."""
    known = _NOTHING if created else known_values(instance, tracking, using)
    left = {name: value for name, value in known.items() if name not in computed}
    kept = {name: _kept(value) for name, value in values.items() if name not in computed}
    _set(instance, tracking, left | kept, using)


def is_expression(value: Any) -> bool:
    """Return whether only the database can compute a value."""
    return hasattr(value, "resolve_expression")


def forget(instance: Model, tracking: Tracking, names: Iterable[str], using: str) -> None:
    """Forget values, because the row may have others now. The next save takes a query for them."""
    left = {**known_values(instance, tracking, using)}
    for name in names:
        left.pop(name, None)
    _set(instance, tracking, left, using)


def _set(instance: Model, tracking: Tracking, values: dict[str, Any], using: str) -> None:
    own, state = vars(instance), vars(instance._state)
    # A new dict each time, because copies of the instance share the old one.
    state[_VALUES] = values | {name: own.get(name) for name in tracking.key}
    connection = connections[using]
    in_transaction = connection.in_atomic_block or not connection.autocommit
    state[_EPOCH] = _epoch(using) if in_transaction else None


def _kept(value: Any) -> Any:
    """Return a value that does not change with the instance."""
    if type(value) in _IMMUTABLE:
        return value
    if isinstance(value, File):
        return value.name
    try:
        kept = deepcopy(value)
    except Exception:  # noqa: BLE001 (values of the site's fields may raise any exception)
        return value
    # Objects without a comparison of their own would differ from each copy.
    return kept if is_equal(kept, value) else value


def install(model: type[Model]) -> None:
    """Remember the values of each instance of ``model`` that is loaded.

    Django has no signal for ``refresh_from_db()``, and ``post_init`` is sent before the instance
    is known to be a row.
    """
    load: Any = model.from_db
    if hasattr(load, "remembers_values"):  # of a tracked parent
        return
    load, refresh = load.__func__, model.refresh_from_db

    @wraps(load)
    def from_db(
        cls: type[Model],
        db: str | None,
        field_names: Sequence[str],
        values: Sequence[Any],
        **kwargs: Any,
    ) -> Model:
        instance: Model = load(cls, db, field_names, values, **kwargs)
        if (tracking := tracking_of(cls)) is not None:
            remember_loaded(instance, tracking, field_names, values)
        return instance

    @wraps(refresh)
    def refresh_from_db(
        self: Model, using: str | None = None, fields: Iterable[str] | None = None, **kwargs: Any
    ) -> None:
        fields = None if fields is None else [*fields]
        refresh(self, using=using, fields=fields, **kwargs)
        _remember_refreshed(self, fields)

    vars(from_db)["remembers_values"] = True
    patched: Any = model
    patched.from_db = classmethod(cast("Any", from_db))
    patched.refresh_from_db = refresh_from_db


def _remember_refreshed(instance: Model, fields: list[str] | None) -> None:
    tracking = tracking_of(type(instance))
    using = instance._state.db
    if tracking is None or using is None:
        return
    own = vars(instance)
    names = [name for name in tracking.saved(fields) if name in own]
    values = {name: _kept(own[name]) for name in names}
    add_loaded(instance, tracking, values, using)
