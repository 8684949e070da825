"""What the admin shows of an event, and the links to the events that have it in common."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..models import Log
from ..records import key_of
from .search import Term, join

_MINOR = re.compile(r"(?<=\d)\.[\d.]+$")  # of a version; the whole of it is on the event's page

LIST = "admin:eventlog_log_changelist"
EMPTY = SafeString('<span class="none">-</span>')

REQUEST_FACTS = {
    "method": _("Method"),
    "path": _("Path"),
    "query": _("Query"),
    "route": _("Route"),
    "view": _("View"),
    "status": _("Status"),
    "duration_ms": _("Took"),
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


def facts(event: Log) -> Mapping[str, Any]:
    return event.extra if isinstance(event.extra, dict) else {}


def user_name(event: Log) -> str:
    # Rows from pinax-eventlog have no name of their own; the user was selected with them.
    return event.user_repr or str(event.user or event.user_name)


def link(text: Any, address: str) -> SafeString:
    return format_html('<a href="{}" title="{}">{}</a>', address, text, text)


def with_all_events(text: Any, term: Term, site: str) -> SafeString:
    """``text``, and a link to the list of all that ``term`` finds."""
    return format_html('{} · <a href="{}">{}</a>', text, list_address(site, term), _("all events"))


def user_term(event: Log) -> Term:
    user = event.user
    name = None if user is None else user.get_username()
    return Term("user", name or str(event.user_id))


def object_term(event: Log) -> Term | None:
    if event.content_type_id is None or event.object_id is None:
        return None
    kind = ContentType.objects.get_for_id(event.content_type_id)  # from memory after the first
    return Term("obj", f"{kind.app_label}.{kind.model}:{event.object_id}")


# The name of an AdminSite goes before a link into it: a project may have several.


def object_page(site: str, event: Log) -> str | None:
    if event.content_type_id is None or event.object_id is None:
        return None
    # From memory after the first.
    kind = ContentType.objects.get_for_id(event.content_type_id)
    return _page(site, kind.app_label, kind.model, event.object_id)


def user_page(site: str, event: Log) -> str | None:
    user = get_user_model()._meta
    return _page(site, user.app_label, user.model_name, event.user_id)


def _page(site: str, app_label: str, model: str | None, pk: Any) -> str | None:
    try:
        return reverse(f"admin:{app_label}_{model}_change", args=[pk], current_app=site)
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


def local(moment: datetime) -> datetime:
    return timezone.localtime(moment) if timezone.is_aware(moment) else moment


def exactly(moment: datetime) -> str:
    moment = local(moment)
    return f"{moment.isoformat(' ', 'milliseconds')} {moment.tzname() or ''}".strip()


def ago(moment: datetime) -> str:
    """How long ago, on the day itself; then the date."""
    now = timezone.now()
    seconds = int((now - moment).total_seconds())
    if 0 <= seconds < 60:
        return ngettext("%(n)d s ago", "%(n)d s ago", seconds) % {"n": seconds}
    if 0 <= seconds < 3600:
        return ngettext("%(n)d min ago", "%(n)d min ago", seconds // 60) % {"n": seconds // 60}
    if 0 <= seconds < 86_400:
        return ngettext("%(n)d h ago", "%(n)d h ago", seconds // 3600) % {"n": seconds // 3600}
    moment = local(moment)
    return date_format(moment, "M j H:i" if moment.year == local(now).year else "Y-m-d H:i")


def when(event: Log) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}"><bdi>{}</bdi></time>',
        event.timestamp.isoformat(),
        exactly(event.timestamp),
        ago(event.timestamp),
    )


def duration(milliseconds: Any) -> str:
    """Milliseconds as people say them."""
    if not isinstance(milliseconds, int | float):
        return str(milliseconds)
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    return (
        f"{milliseconds / 1000:.1f} s"
        if milliseconds < 60_000
        else f"{milliseconds / 60_000:.0f} min"
    )


def request_line(event: Log) -> SafeString:
    known = facts(event)
    if "path" not in known:
        return EMPTY
    status, took = known.get("status"), known.get("duration_ms")
    answer = "" if status is None else format_html("<span> → {}</span>", status_shown(status))
    time = "" if took is None else format_html('<span class="quiet"> · {}</span>', duration(took))
    return format_html(
        '<div class="line" dir="ltr"><span class="method">{}</span> '
        '<bdi title="{}">{}</bdi>{}{}</div>',
        known.get("method", ""),
        known["path"],
        shorten(known["path"], 120),
        answer,
        time,
    )


def ip_term(event: Log) -> Term | None:
    ip = facts(event).get("ip")
    return None if ip is None else Term("ip", str(ip))


def ip_link(ip: str, address: str) -> SafeString:
    groups = ip.split(":")
    if len(groups) < 8:
        return link(ip, address)
    # What the style sheet may leave out where there is no room for it.
    start, middle, end = ":".join(groups[:4]), ":".join(groups[4:7]), groups[7]
    return format_html(
        '<a href="{}" title="{}">{}<span class="middle">:{}</span>:{}</a>',
        address,
        ip,
        start,
        middle,
        end,
    )


def client(event: Log) -> SafeString:
    known = facts(event)
    kind = known.get("device_type")
    if kind is None:
        return EMPTY
    parts = [_MINOR.sub("", str(known.get("browser") or "")), known.get("os")]
    name = " · ".join(str(part) for part in parts if part and part != "Other")
    return format_html(
        '<span class="kind {}">{}</span> <span title="{}">{}</span>',
        kind if kind in ("pc", "mobile", "tablet", "bot") else "other",
        kind,
        known.get("ua", ""),
        shorten(name, 44),
    )


def addresses_of(obj: Model, site: str) -> Sequence[tuple[Any, str]]:
    """Where the events of an object are: those about it, and those that it did if it is a user.

    Nowhere, if events have no admin.
    """
    model = (obj._meta.concrete_model or type(obj))._meta
    about = Term("obj", f"{model.label_lower}:{key_of(obj.pk, 'obj')}")
    terms = [(_("Events"), about)]
    if isinstance(obj, get_user_model()):
        terms.append((_("What they did"), Term("user", obj.get_username())))
    try:
        return [(label, list_address(site, term)) for label, term in terms]
    except NoReverseMatch:
        return []


def query(*terms: Term) -> str:
    """What follows the address of the list, for it to show what these terms find."""
    return f"?{urlencode({'q': join(terms)})}"


def list_address(site: str, *terms: Term) -> str:
    return reverse(LIST, current_app=site) + query(*terms)
