"""Events as CloudEvents 1.0, in the JSON format."""

import json
from typing import Any

from .event import Event
from .event_values import values_of

SPEC_VERSION = "1.0"
BATCH_TYPE = "application/cloudevents-batch+json"
SOURCE = "eventlog"


def cloud_event(event: Event, source: str) -> dict[str, Any]:
    """Return an event as a dict. Receivers find duplicates by ``source`` and ``id``."""
    record = event.record
    document = {
        "specversion": SPEC_VERSION,
        "id": event.id,
        "source": source,
        "type": record.action,
        "time": event.moment.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": values_of(event),
    }
    if record.model is not None:
        key = "" if record.object_id is None else record.object_id
        document["subject"] = f"{record.model}:{key}"
    return document


def encoded(event: Event, source: str) -> bytes:
    """Return an event as one JSON document."""
    return json.dumps(cloud_event(event, source), separators=(",", ":")).encode()


def checked_source(source: str) -> str:
    """Return the option ``source``. Raise ``ValueError`` if it is not valid."""
    if not isinstance(source, str) or not source.strip():
        raise ValueError(f"source is {source!r}; give a name of the site, such as its URL")
    return source
