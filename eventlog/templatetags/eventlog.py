"""Template tags: ``{% load eventlog %}{% event_timeline order %}`` shows an object's events."""

import re
from datetime import datetime
from typing import Any

from django import template
from django.contrib.admin.templatetags.admin_list import result_headers
from django.db.models import Model
from django.template.loader import select_template
from django.urls import NoReverseMatch
from django.utils import dateformat
from django.utils.safestring import SafeString

from .. import formats
from ..datetimes import local
from ..models import Log
from ..review import links
from ..review.changelist import EventList
from ..review.comparison import moment_text
from ..review.html import duration_text, object_in_words, shorten, status_html, user_in_words
from ..review.list_rows import rows
from ..review.reader import reader

register = template.Library()
register.filter("duration", duration_text)
register.filter("minute", moment_text)
register.filter("grouped", formats.number)
register.filter(shorten)
register.filter(status_html)
register.filter(user_in_words)
register.filter(object_in_words)
MAX_TEMPLATE_NAME_BYTES = 200  # because few file systems take more than 255


@register.inclusion_tag("eventlog/parts/timeline.html", takes_context=True)
def event_timeline(context: dict[str, Any], obj: Model | None, limit: int = 50) -> dict[str, Any]:
    """Render the newest events of an object, each with the template of its action.

    The template of PAID is ``eventlog/paid.html``, and ``eventlog/event.html`` is the default.
    A value that is not an object, such as an undefined variable, has no events.
    """
    events = Log.objects.for_object(obj) if isinstance(obj, Model) else Log.objects.none()
    size = max(0, int(limit))
    shown = reader(events, ["user"]).page(size=size).events if size else []
    return {"events": shown, "obj": obj, "request": context.get("request")}


@register.simple_tag(takes_context=True)
def event_line(context: dict[str, Any], event: Log, this: Any = None) -> SafeString:
    """Render an event with the template of its action."""
    found = select_template([*_own_template(event), "eventlog/event.html"])
    request = context.get("request")
    user = getattr(request, "user", None)
    rendered: SafeString = found.render(
        {
            "event": event,
            "current": event.pk == this,
            "address": _admin_address(event, request) if getattr(user, "is_staff", False) else None,
        }
    )
    return rendered


@register.inclusion_tag("admin/eventlog/log/change_list_results.html")
def event_list(changes: EventList) -> dict[str, Any]:
    """Render the lines of the list, like Django's ``result_list``."""
    headers = list(result_headers(changes))
    return {"cl": changes, "result_headers": headers, "lines": [*changes.lines(rows(changes))]}


@register.filter("local")
def local_time(moment: datetime, pattern: str) -> str:
    """Return a time in the current time zone; Django's filter fails at the ends of the calendar."""
    return dateformat.format(local(moment), pattern)


@register.filter
def estimated(count: int) -> str:
    """Return an estimate with two digits that count, such as "12,000,000"."""
    return formats.number(round(count, min(-3, 2 - len(str(count)))))


def _own_template(event: Log) -> list[str]:
    """Return the template of the action; empty if its name could leave the directory."""
    name = event.template_fragment_name
    is_plain = (
        re.fullmatch(r"[\w .:-]+", event.action) and len(name.encode()) <= MAX_TEMPLATE_NAME_BYTES
    )
    return [name] if is_plain else []


def _admin_address(event: Log, request: Any) -> str | None:
    site = getattr(request, "current_app", None)  # set on the admin's pages
    try:
        return links.event_address(site, event.pk, event.timestamp)
    except NoReverseMatch:
        return None
