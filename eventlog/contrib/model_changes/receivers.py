"""Receivers of the signals of tracked models."""

from collections.abc import Callable, Collection, Sequence
from functools import wraps
from typing import Any

from django.db import connections
from django.db.models import Model

from ...error_log import report
from . import loaded_values, recording
from .tracking import CREATED, DELETED, UPDATED, tracking_of

# An attribute of ``instance._state``: the texts of expressions that are saved, if the current save
# has had its one query.
_TEXTS = "eventlog_texts"


def _reporting(receive: Callable[..., None]) -> Callable[..., None]:
    """Return a receiver that raises errors only inside a transaction, which is then rolled back.

    Without a transaction the object is saved in any case, so the error is reported.
    """

    @wraps(receive)
    def receiver(*, using: str, **kwargs: Any) -> None:
        try:
            receive(using=using, **kwargs)
        except Exception as error:
            if connections[using].in_atomic_block:
                raise
            report("recording the change of a model", error)

    return receiver


@_reporting
def before_save(
    sender: type[Model],
    instance: Model,
    raw: bool,
    using: str,
    update_fields: Collection[str] | None,
    **kwargs: Any,
) -> None:
    """Load the old values that the instance does not have, such as values of deferred fields."""
    tracking = tracking_of(sender)
    if tracking is None or (raw and not tracking.fixtures) or not _may_exist(instance):
        return
    if not recording.are_changes_recorded():
        return
    known, own = loaded_values.known_values(instance, tracking, using), vars(instance)
    unknown = [name for name in tracking.saved(update_fields) if name not in known and name in own]
    state = vars(instance._state)
    state.pop(_TEXTS, None)  # of a save that failed
    if unknown:
        loaded_values.add_loaded(instance, tracking, _values(instance, unknown, using), using)
        names = tracking.saved(update_fields)
        values = {name: own[name] for name in names if name in own}
        state[_TEXTS] = {
            n: str(value) for n, value in values.items() if loaded_values.is_expression(value)
        }


def _may_exist(instance: Model) -> bool:
    """Return whether the row of an instance may exist before it is saved."""
    fields = instance._meta.pk_fields
    if any(getattr(instance, field.attname) is None for field in fields):
        return False
    # Django does not try an UPDATE if the key has a default, such as a UUID.
    return not instance._state.adding or not all(
        field.has_default() or field.has_db_default() for field in fields
    )


def _values(instance: Model, names: Sequence[str], using: str) -> dict[str, Any]:
    """Return columns of the instance's row in the database; nothing without a row."""
    rows = type(instance)._base_manager.using(using).filter(pk=instance.pk).values(*names)
    return next(iter(rows[:1]), {})


@_reporting
def after_save(
    sender: type[Model],
    instance: Model,
    created: bool,
    raw: bool,
    using: str,
    update_fields: Collection[str] | None,
    **kwargs: Any,
) -> None:
    """Record the creation or the changes of an object."""
    tracking = tracking_of(sender)
    if tracking is None or (raw and not tracking.fixtures):
        return
    texts = vars(instance._state).pop(_TEXTS, None)
    own, names = vars(instance), tracking.saved(update_fields)
    known = loaded_values.known_values(instance, tracking, using)
    values = {name: own[name] for name in names if name in own}
    computed = [name for name, value in values.items() if loaded_values.is_expression(value)]
    if len(values) < len(names):
        # Django 6 defers a field that the database has computed and cannot return (#27222).
        computed += [n for n in names if n not in values and (created or n in known)]
    is_recorded = recording.are_changes_recorded()
    if computed and texts is None and is_recorded:
        values |= _values(instance, computed, using)
        computed = []
    loaded_values.remember_saved(
        instance, tracking, values, using, created=created, computed=computed
    )
    if not is_recorded:
        return
    # The texts of expressions, if their values would take a second query.
    saved = values | {name: texts[name] for name in computed if texts and name in texts}
    if created:
        contents = recording.changes_of_new_or_deleted(tracking, saved, created=True)
        recording.record(CREATED, tracking, [(instance, contents)])
        return
    changes = recording.changes_of_columns(
        tracking, ((name, (known.get(name), value)) for name, value in saved.items())
    )
    if changes.keys() - tracking.automatic:
        recording.record(UPDATED, tracking, [(instance, changes)])


@_reporting
def after_delete(sender: type[Model], instance: Model, using: str, **kwargs: Any) -> None:
    """Record the deletion of an object with the values that its row had."""
    tracking = tracking_of(sender)
    if tracking is None:
        return
    # An instance that was not loaded has the defaults of its fields.
    own = {} if instance._state.adding else vars(instance)
    values = {**own, **loaded_values.known_values(instance, tracking, using)}
    contents = recording.changes_of_new_or_deleted(tracking, values, created=False)
    recording.record(DELETED, tracking, [(recording.as_row(instance), contents)])
