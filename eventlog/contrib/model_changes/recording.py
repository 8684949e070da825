"""Recording the changes of tracked objects."""

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from itertools import islice
from typing import Any

from django.db.models import Model
from django.utils.module_loading import import_string

from ...changes import Changes, Pair, comparable, masked_differences
from ...metadata.current_user import current_user
from .tracking import Tracking

MAX_EVENTS = 1000  # in one call of the backend

Change = tuple[Model, Changes]


def are_changes_recorded() -> bool:
    """Return whether changes are recorded, which they are as long as events are."""
    path = "eventlog.backends.capture.are_events_recorded"
    are_events_recorded: Callable[[], bool] = import_string(path)
    return are_events_recorded()


def record(kind: str, tracking: Tracking, changes: Iterable[Change]) -> None:
    """Record an event for each changed object, as part of the transaction."""
    user, action = current_user(), tracking.action(kind)
    events = ((user, action, obj, changed) for obj, changed in changes)
    # By its dotted path, because the models of a site import this module.
    log_changes = import_string("eventlog.api.log_changes")
    while some := [*islice(events, MAX_EVENTS)]:
        log_changes(some)


def changes_of_columns(tracking: Tracking, pairs: Iterable[tuple[str, Pair]]) -> Changes:
    """Return the changes of columns, given by attribute."""
    return masked_differences(_comparable(tracking, pairs))


def _comparable(
    tracking: Tracking, pairs: Iterable[tuple[str, Pair]]
) -> Iterator[tuple[str, Pair]]:
    for name, (old, new) in pairs:
        if old is not new:
            field = tracking.columns[name]
            yield field.name, (comparable(field, old), comparable(field, new))


def changes_of_new_or_deleted(
    tracking: Tracking, values: dict[str, Any], *, created: bool
) -> Changes:
    """Return the changes of an object that was created or deleted, without its empty fields."""
    pairs = (
        (field.name, (None, value))
        for name, field in tracking.columns.items()
        if name in values and not _is_empty(value := comparable(field, values[name]))
    )
    filled = masked_differences(pairs)
    return filled if created else {name: [new, old] for name, (old, new) in filled.items()}


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


def as_row(instance: Model) -> Model:
    """Return ``instance`` for an event; a copy if Django does not know that it is a row."""
    if not instance._state.adding:
        return instance
    row = copy(instance)  # with a state of its own
    row._state.adding = False
    return row
