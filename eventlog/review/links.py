"""Addresses of the admin's pages: lists of events, pages of users and of objects."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from ..datetimes import exact_text
from ..models import Log
from ..records.arguments import object_key
from ..records.user_state import UserState
from ..text import UNSTORABLE
from .search.tree import Node, Term, all_of
from .search.valid_values import DEVICES, MAX_STARS, TRACE_ID

LIST = "admin:eventlog_log_changelist"
EVENT = "admin:eventlog_log_change"
EXPORT = "admin:eventlog_log_export"
FIELD = "admin:eventlog_log_field"
TIME_VAR = "at"  # the time of the event in the address of its page

# The filter of each fact that an event's page links to a search.
FACT_FILTERS: Mapping[str, str] = {
    "path": "path",
    "route": "route",
    "view": "view",
    "status": "status",
    "browser": "browser",
    "os": "os",
    "device_type": "device",
    "ua": "extra.ua",
    "exception": "exception",
    "request_id": "request",
    "trace_id": "trace",
    "acting_user": "acting_user",
    "reason": "reason",
    "command": "command",
}
MAX_LINKED_LENGTH = 1000  # characters of a fact, because a search has at most 2,000

# ``site`` is the name of an AdminSite, because a project may have several.


def list_query(*terms: Node) -> str:
    """Return the query string of the list with these terms."""
    return f"?{urlencode({'q': str(all_of(terms))})}"


def list_address(site: str, *terms: Term) -> str:
    """Return the address of the list with these terms."""
    return reverse(LIST, current_app=site) + list_query(*terms)


def event_address(site: str | None, pk: Any, timestamp: datetime, filters: str = "") -> str:
    """Return the address of an event's page, which leads back to the list with ``filters``.

    The address has the time, because a table in partitions has no index of keys alone.
    """
    kept = f"{urlencode({'_changelist_filters': filters})}&" if filters else ""
    return f"{event_page_path(site, pk)}?{kept}{time_parameter(timestamp)}"


def event_page_path(site: str | None, pk: Any) -> str:
    """Return the path of an event's page."""
    return reverse(EVENT, args=[pk], current_app=site)


def time_parameter(timestamp: datetime) -> str:
    """Return the parameter with the event's time for the address of the event's page."""
    return urlencode({TIME_VAR: exact_text(timestamp)})


def field_address(site: str, event: Log, name: str) -> str | None:
    """Return the address of the values that a field of the event's object had over time."""
    if object_term(event) is None:
        return None
    query = {"field": name, TIME_VAR: exact_text(event.timestamp)}
    return f"{reverse(FIELD, args=[event.pk], current_app=site)}?{urlencode(query)}"


def user_term(event: Log) -> Term | None:
    """Return the term that finds the events of the same user, or of other visitors without one."""
    if event.user_id is not None:
        return Term("user", username(event.user) or str(event.user_id))
    if event.user_repr:
        return Term("user", event.user_repr)
    return _WITHOUT_USER.get(event.user_state)


_WITHOUT_USER: dict[int | None, Term] = {
    UserState.ANONYMOUS: Term("is", "anonymous"),
    UserState.UNKNOWN: Term("is", "unknown"),
}


def username(user: Any) -> str:
    """Return the username as text; empty if there is none."""
    name = None if user is None else user.get_username()
    return "" if name is None else str(name)


def object_term(event: Log) -> Term | None:
    """Return the term that finds the events of the same object."""
    if (content_type := _content_type(event)) is None:
        return None
    return Term("obj", f"{content_type.app_label}.{content_type.model}:{event.object_id}")


def ip_term(event: Log) -> Term | None:
    """Return the term that finds the events of the same address."""
    return None if event.ip is None else Term("ip", event.ip)


def fact_term(name: str, value: Any) -> Term | None:
    """Return the term that finds events with the same fact; None if no search finds it."""
    key = FACT_FILTERS.get(name)
    text = value if isinstance(value, str) else str(value) if type(value) is int else ""
    if key is None or not 0 < len(text) <= MAX_LINKED_LENGTH or UNSTORABLE.search(text):
        return None
    if key == "status" and not re.fullmatch(r"[1-5]\d\d", text, re.ASCII):
        return None
    if key == "device" and text not in DEVICES:
        return None
    if key == "trace" and not TRACE_ID.fullmatch(text):
        return None
    return Term(key, text) if len(re.findall(r"\*+", text)) <= MAX_STARS else None


def _content_type(event: Log) -> ContentType | None:
    """Return the type of the event's object, from Django's cache after the first query."""
    if event.content_type_id is None or not event.object_id:
        return None
    try:
        return ContentType.objects.get_for_id(event.content_type_id)
    except ContentType.DoesNotExist:
        return None


def is_relation(event: Log, name: str) -> bool:
    """Return whether a field of the event's object is a many-to-many relation."""
    content_type = _content_type(event)
    model = None if content_type is None else content_type.model_class()
    return model is not None and any(each.name == name for each in model._meta.many_to_many)


def object_address(site: str, event: Log) -> str | None:
    """Return the address of the object's page; None if the admin has none."""
    if (content_type := _content_type(event)) is None:
        return None
    return _change_address(site, content_type.app_label, content_type.model, event.object_id)


def user_address(site: str, event: Log) -> str | None:
    """Return the address of the user's page; None if the admin has none."""
    user = get_user_model()._meta
    return _change_address(site, user.app_label, user.model_name, event.user_id)


def _change_address(site: str, app_label: str, model: str | None, pk: Any) -> str | None:
    key = quote(str(pk))  # because the admin unquotes keys: it reads "a_24" as "a$"
    try:
        return reverse(f"admin:{app_label}_{model}_change", args=[key], current_app=site)
    except NoReverseMatch:
        return None


def addresses_of(obj: Model, site: str) -> Sequence[tuple[Any, str]]:
    """Return labels and addresses of the events of an object; empty if events have no admin."""
    model = (obj._meta.concrete_model or type(obj))._meta
    about = Term("obj", f"{model.label_lower}:{object_key(obj)}")
    terms = [(_("Events"), about)]
    if isinstance(obj, get_user_model()):
        by_user = Term("user", username(obj) or str(obj.pk))
        terms = [(_("Done by"), by_user), (_("Done to"), about)]
    try:
        return [(label, list_address(site, term)) for label, term in terms]
    except NoReverseMatch:
        return []
