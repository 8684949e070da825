"""The values of an event under eventlog's own names, as targets send them."""

from typing import Any

from ...records.user_state import UserState
from .event import Event


def values_of(event: Event) -> dict[str, Any]:
    """Return the fields that an event has, except for its time."""
    record = event.record
    values = {
        "id": event.id,
        "action": record.action,
        "user_id": record.user_id,
        "user_name": record.user_repr or None,
        "user_state": _name_of(record.user_state),
        "object_type": record.model,
        "object_id": record.object_id,
        "object_name": record.object_repr or None,
        "is_request": record.is_request,
        **event.facts,
        "extra": event.data if event.data != {} else None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _name_of(state: int | None) -> str | None:
    return None if state is None else UserState(state).name.lower()
