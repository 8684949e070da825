"""``{% load eventlog %}{% event_timeline order %}``: what happened to an object."""

import re
from typing import Any

from django import template
from django.db.models import Model
from django.template.loader import select_template
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ..models import Log

register = template.Library()
LONGEST_NAME = 200  # bytes; few file systems take more than 255


@register.inclusion_tag("eventlog/parts/timeline.html", takes_context=True)
def event_timeline(context: dict[str, Any], obj: Model | None, limit: int = 50) -> dict[str, Any]:
    """The newest events of an object, each drawn by the template of its action.

    That of LOGIN is ``eventlog/login.html``; ``eventlog/event.html`` draws all that have none.
    Of no object, as of a variable that the context has not, there are none.
    """
    events = Log.objects.for_object(obj) if isinstance(obj, Model) else Log.objects.none()
    newest = events.select_related("user").order_by("-timestamp", "-pk")[: max(0, int(limit))]
    return {"events": newest, "obj": obj, "request": context.get("request")}


@register.simple_tag(takes_context=True)
def event_line(context: dict[str, Any], event: Log, this: Any = None) -> SafeString:
    """One event, drawn by the template of its action."""
    found = select_template([*_own_template(event), "eventlog/event.html"])
    request = context.get("request")
    user = getattr(request, "user", None)
    drawn: SafeString = found.render(
        {
            "event": event,
            "current": event.pk == this,
            # The way to the admin, for those who may go there.
            "address": _page(event, request) if getattr(user, "is_staff", False) else None,
        }
    )
    return drawn


@register.filter
def in_words(count: int) -> str:
    """A number that is only about right: "12 million"."""
    if count >= 1_000_000:
        return _("%(count)s million") % {"count": f"{count / 1_000_000:.2g}".removesuffix(".0")}
    return f"{round(count, -3):,}"


def _own_template(event: Log) -> list[str]:
    """None for an action that cannot name a file, or that leads to one elsewhere."""
    name = event.template_fragment_name
    is_plain = re.fullmatch(r"[\w .:-]+", event.action) and len(name.encode()) <= LONGEST_NAME
    return [name] if is_plain else []


def _page(event: Log, request: Any) -> str | None:
    site = getattr(request, "current_app", None)  # that of the admin's pages
    try:
        return reverse("admin:eventlog_log_change", args=[event.pk], current_app=site)
    except NoReverseMatch:
        return None
