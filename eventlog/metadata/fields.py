"""The table of request fields, from which settings, admin, export, erasure and documents follow.

To add a field, add an entry here and a reader to ``readers.py``.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ..text import MAX_PATH_LENGTH, MAX_REASON_LENGTH
from . import correlation, readers

Reader = Callable[[HttpRequest], Mapping[str, Any]]
Section = Literal["event", "request", "client"]
ColumnType = Literal["text", "int32", "float64"]


class Field(NamedTuple):
    """One field of a request, stored in an event's ``extra``."""

    label: str | Promise
    description: str
    """One line of Markdown for the documentation."""
    reader: Reader | None = None
    """Returns this field, perhaps with others. None: RequestLog reads it from the response."""
    max_length: int | None = None
    is_personal: bool = False
    """Removed from the event when its person is erased."""
    section: Section = "request"
    """The section of the event's page that shows the field."""
    column: ColumnType | None = None
    """The type of the field's own column in exports."""


FIELDS: dict[str, Field] = {
    "ip": Field(
        _("Address"),
        "the client's address, see `TRUSTED_PROXIES`",
        readers.address,
        is_personal=True,
        section="client",
        column="text",
    ),
    "method": Field(
        pgettext_lazy("eventlog", "Method"),
        "the HTTP method",
        readers.method,
        readers.MAX_METHOD_LENGTH,
        column="text",
    ),
    "path": Field(
        _("Path"),
        "the path; the value of a URL parameter with a secret name, such as `<token>` in "
        "`reset/<token>/`, is masked",
        readers.path,
        MAX_PATH_LENGTH,
        is_personal=True,
        column="text",
    ),
    "query": Field(
        _("Query"),
        "the query string; secrets are masked",
        readers.query,
        MAX_PATH_LENGTH,
        is_personal=True,
        column="text",
    ),
    "route": Field(
        _("Route"),
        "the URL pattern: `orders/<int:pk>/`",
        readers.route_and_view,
        readers.MAX_NAME_LENGTH,
    ),
    "view": Field(
        pgettext_lazy("eventlog", "View"),
        "the view's name: `shop:order-detail`",
        readers.route_and_view,
        readers.MAX_NAME_LENGTH,
    ),
    "status": Field(
        _("Status"),
        "the status of the response; absent if the request was cancelled",
        column="int32",
    ),
    "duration_ms": Field(
        _("Took"),
        "milliseconds until the response was ready to be sent",
        column="float64",
    ),
    "browser": Field(
        _("Browser"),
        "the browser and its version, as the library user-agents names them",
        readers.client,
        readers.MAX_PRODUCT_LENGTH,
        is_personal=True,
        section="client",
        column="text",
    ),
    "os": Field(
        _("System"),
        "the operating system and its version, as user-agents names them",
        readers.client,
        readers.MAX_PRODUCT_LENGTH,
        is_personal=True,
        section="client",
        column="text",
    ),
    "device": Field(
        _("Device"),
        "the device, as user-agents names it",
        readers.client,
        readers.MAX_PRODUCT_LENGTH,
        is_personal=True,
        section="client",
    ),
    "device_type": Field(
        _("Kind of device"),
        "`pc`, `mobile`, `tablet`, `bot` or `other`; a phone whose model name contains "
        '"bot" is not a bot',
        readers.client,
        section="client",
        column="text",
    ),
    "ua": Field(
        _("User agent"),
        "the `User-Agent` header",
        readers.client,
        readers.MAX_USER_AGENT_LENGTH,
        is_personal=True,
        section="client",
    ),
    "referer": Field(
        _("Referer"),
        "the `Referer` header; secrets are masked as in `query`, and in a URL of your site also as "
        "in `path`",
        readers.referrer,
        MAX_PATH_LENGTH,
        is_personal=True,
    ),
    "exception": Field(
        _("Exception"),
        "the class name of the exception that the view raised, or that a log record contains",
    ),
    "request_id": Field(
        _("Request ID"),
        "the id in one of the `REQUEST_ID_HEADERS` from a trusted proxy (see `TRUSTED_PROXIES`), "
        "or else a new id; all events of a request have the same id",
        correlation.correlation_ids,
        correlation.MAX_REQUEST_ID_LENGTH,
        is_personal=True,
        column="text",
    ),
    "client_request_id": Field(
        _("Request ID of the client"),
        "the id in one of the `REQUEST_ID_HEADERS` from any other sender, who may have forged it",
        correlation.correlation_ids,
        correlation.MAX_REQUEST_ID_LENGTH,
        is_personal=True,
    ),
    "trace_id": Field(
        _("Trace ID"),
        "the trace of the request, from a `traceparent` header (W3C Trace Context) of a trusted "
        "proxy",
        correlation.correlation_ids,
        correlation.TRACE_ID_LENGTH,
        is_personal=True,
        column="text",
    ),
    "span_id": Field(
        _("Span ID"),
        "the span that sent the request, from the same header",
        correlation.correlation_ids,
        correlation.SPAN_ID_LENGTH,
        is_personal=True,
    ),
    "acting_user": Field(
        _("Acting user"),
        "the name of the person who acted on behalf of the user",
        section="event",
        column="text",
    ),
    "acting_user_id": Field(
        _("Key of the acting user"),
        "the primary key of this person",
        section="event",
    ),
    "reason": Field(
        _("Reason"),
        "why it was done, from `eventlog.context()`",
        max_length=MAX_REASON_LENGTH,
        section="event",
        column="text",
    ),
    "command": Field(
        _("Command"),
        "the management command, from `eventlog.context()`",
        section="event",
        column="text",
    ),
}


def personal_fields() -> frozenset[str]:
    """Return the names of the fields that tell something about a person."""
    return frozenset(name for name, field in FIELDS.items() if field.is_personal)


def export_columns() -> dict[str, ColumnType]:
    """Return the type of each field that has its own column in exports."""
    return {name: field.column for name, field in FIELDS.items() if field.column is not None}


def labels(section: Section) -> dict[str, str | Promise]:
    """Return the labels of the fields in this section of the event's page."""
    return {name: field.label for name, field in FIELDS.items() if field.section == section}
