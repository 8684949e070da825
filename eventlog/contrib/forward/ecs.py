"""Events as documents of the Elastic Common Schema (ECS)."""

from typing import Any

from .event import Event
from .event_values import values_of
from .fields import FIELD_NAMES

ECS_VERSION = "8.17.0"
MIN_FAILED_STATUS = 400
NANOSECONDS = 1_000_000  # in a millisecond


def ecs_document(event: Event) -> dict[str, Any]:
    """Return an event as a nested dict with the names of ECS."""
    document: dict[str, Any] = {"ecs": {"version": ECS_VERSION}, "message": event.summary}
    for name, value in {**values_of(event), "timestamp": event.moment.isoformat()}.items():
        if name == "duration_ms" and isinstance(value, int | float):
            value = round(value * NANOSECONDS)
        elif name in ("user_id", "object_id"):
            value = str(value)  # because keyword fields of ECS are text
        _put(document, FIELD_NAMES[name].ecs, value)
    _put(document, "event.kind", "event")
    _put(document, "event.dataset", "eventlog")
    if event.record.status is not None:
        failed = event.record.status >= MIN_FAILED_STATUS
        _put(document, "event.outcome", "failure" if failed else "success")
    return document


def _put(document: dict[str, Any], name: str, value: Any) -> None:
    *levels, last = name.split(".")
    for level in levels:
        document = document.setdefault(level, {})
    document[last] = value
