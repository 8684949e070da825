"""What the admin shows of an event, and the links to the events that have it in common."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from .models import Log

EMPTY = SafeString('<span class="none">-</span>')

REQUEST_FACTS = {
    "method": _("Method"),
    "path": _("Path"),
    "query": _("Query"),
    "route": _("Route"),
    "view": _("View"),
    "status": _("Status"),
    "duration_ms": _("Milliseconds"),
    "referer": _("Referer"),
    "exception": _("Exception"),
    "request_id": _("Request ID"),
}
CLIENT_FACTS = {
    "ip": _("Address"),
    "browser": _("Browser"),
    "os": _("System"),
    "device": _("Device"),
    "device_type": _("Kind of device"),
    "ua": _("User agent"),
}

REQUEST = "extra__request_id"
# No index knows a request, but one knows the time: a request and the tasks it started are over
# within a day, and what else is in the table need not be read.
NEAR = timedelta(days=1)


def facts(event: Log) -> Mapping[str, Any]:
    return event.extra if isinstance(event.extra, dict) else {}


def user_name(event: Log) -> str:
    # Rows from pinax-eventlog have no name of their own; the user was selected with them.
    return event.user_repr or str(event.user or event.user_name)


def narrow(text: Any, **lookups: Any) -> SafeString:
    """A link to the events that these lookups find."""
    address = reverse("admin:eventlog_log_changelist")
    return format_html('<a href="{}?{}" title="{}">{}</a>', address, urlencode(lookups), text, text)


def same_request(event: Log) -> SafeString | str:
    request_id = facts(event).get("request_id")
    if not isinstance(request_id, str):
        return ""
    near = {"timestamp__gte": event.timestamp - NEAR, "timestamp__lt": event.timestamp + NEAR}
    moments = {lookup: moment.isoformat() for lookup, moment in near.items()}
    return narrow(_("all events of this request"), **{REQUEST: request_id}, **moments)


def object_page(event: Log) -> str | None:
    if event.content_type_id is None or event.object_id is None:
        return None
    # From memory after the first.
    kind = ContentType.objects.get_for_id(event.content_type_id)
    return _page(kind.app_label, kind.model, event.object_id)


def user_page(event: Log) -> str | None:
    user = get_user_model()._meta
    return _page(user.app_label, user.model_name, event.user_id)


def _page(app_label: str, model: str | None, pk: Any) -> str | None:
    try:
        return reverse(f"admin:{app_label}_{model}_change", args=[pk])
    except NoReverseMatch:  # that model has no admin
        return None


def linked(text: str, address: str | None) -> SafeString | str:
    return text if address is None else format_html('<a href="{}">{}</a>', address, text)


def shorten(text: Any, most: int) -> str:
    text = str(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def status_shown(status: Any) -> SafeString:
    return format_html('<span class="status s{}">{}</span>', str(status)[:1], status)


def table(rows: Iterable[tuple[Any, Any]]) -> SafeString:
    shown = format_html_join("", '<tr><th scope="row">{}</th><td><bdi>{}</bdi></td></tr>', rows)
    return format_html('<table class="facts">{}</table>', shown) if shown else EMPTY


class Narrowing(NamedTuple):
    """One thing that all events in a list have in common."""

    name: Any
    value: Any
    undo: str  # the query string of the list without it


class EventList(ChangeList):
    """The list of events, which can say what it is narrowed to."""

    def narrowed(self) -> Iterator[Narrowing]:
        # Each event has what was asked for, so the first can tell its name.
        first: Log | None = next(iter(self.result_list), None)
        if action := self._asked("action__exact"):
            yield self._narrowing(_("action"), action, "action__exact")
        if user := self._asked("user__exact"):
            name = user_name(first) if first else user
            yield self._narrowing(_("user"), name, "user__exact")
        if key := self._asked("object_id__exact"):
            name = first.object_name if first else key
            yield self._narrowing(_("object"), name, "content_type__exact", "object_id__exact")
        if request_id := self._asked(REQUEST):
            yield self._narrowing(
                _("request"), request_id, REQUEST, "timestamp__gte", "timestamp__lt"
            )
        for spec in self.filter_specs:
            if isinstance(spec, SimpleListFilter) and spec.parameter_name:
                for value, label in spec.lookup_choices:
                    if value == spec.value():
                        yield self._narrowing(spec.title, label, spec.parameter_name)

    def _asked(self, lookup: str) -> Any:
        return self.params.get(lookup)

    def _narrowing(self, name: Any, value: Any, *lookups: str) -> Narrowing:
        return Narrowing(name, shorten(value, 60), self.get_query_string(remove=lookups))
