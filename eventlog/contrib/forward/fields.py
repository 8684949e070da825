"""The names of an event's fields in other systems. ``docs/forward.md`` has the same table."""

from collections.abc import Mapping
from typing import NamedTuple


class Names(NamedTuple):
    """The names of one field."""

    otel: str
    """An attribute of an OpenTelemetry log record, or a field of the record itself."""
    ecs: str
    """A field of the Elastic Common Schema, with dots for levels."""


# The stable semantic conventions of OpenTelemetry, and names under "eventlog" for other fields.
FIELD_NAMES: Mapping[str, Names] = {
    "id": Names("log.record.uid", "event.id"),
    "action": Names("EventName", "event.action"),
    "timestamp": Names("Timestamp", "@timestamp"),
    "user_id": Names("eventlog.user.id", "user.id"),
    "user_name": Names("eventlog.user.name", "user.name"),
    "user_state": Names("eventlog.user.state", "eventlog.user_state"),
    "object_type": Names("eventlog.object.type", "eventlog.object.type"),
    "object_id": Names("eventlog.object.id", "eventlog.object.id"),
    "object_name": Names("eventlog.object.name", "eventlog.object.name"),
    "is_request": Names("eventlog.is_request", "eventlog.is_request"),
    "ip": Names("client.address", "client.ip"),
    "method": Names("http.request.method", "http.request.method"),
    "path": Names("url.path", "url.path"),
    "query": Names("url.query", "url.query"),
    "route": Names("http.route", "eventlog.route"),
    "view": Names("eventlog.view", "eventlog.view"),
    "status": Names("http.response.status_code", "http.response.status_code"),
    "duration_ms": Names("eventlog.duration_ms", "event.duration"),
    "browser": Names("eventlog.browser", "user_agent.name"),
    "os": Names("eventlog.os", "user_agent.os.full"),
    "device": Names("eventlog.device", "user_agent.device.name"),
    "device_type": Names("eventlog.device_type", "eventlog.device_type"),
    "ua": Names("user_agent.original", "user_agent.original"),
    "referer": Names("eventlog.referer", "http.request.referrer"),
    "exception": Names("exception.type", "error.type"),
    "request_id": Names("eventlog.request_id", "http.request.id"),
    "client_request_id": Names("eventlog.client_request_id", "eventlog.client_request_id"),
    "trace_id": Names("TraceId", "trace.id"),
    "span_id": Names("SpanId", "span.id"),
    "acting_user": Names("eventlog.acting_user.name", "eventlog.acting_user.name"),
    "acting_user_id": Names("eventlog.acting_user.id", "eventlog.acting_user.id"),
    "reason": Names("eventlog.reason", "event.reason"),
    "command": Names("eventlog.command", "eventlog.command"),
    "extra": Names("eventlog.extra", "eventlog.extra"),
}
