"""Values of events as HTML."""

import json
import re
from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Any

from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from .. import formats
from ..datetimes import local
from ..models import Log
from ..records.user_state import UserState
from ..text import UNSTORABLE, sanitize
from .fast_html import fast_html

MAX_VALUE_LENGTH = 2048  # characters
MAX_PATH_LENGTH = 120  # characters, in a line of the list
MAX_NAME_LENGTH = 44  # characters of browser and system, in a line of the list
MAX_USER_LENGTH = 40  # characters of the acting user's name
MAX_WORD_LENGTH = 32  # characters of a status, a method or a kind of device
MAX_OWN_VALUES = 3  # in a line of the list
MAX_CHANGED_LENGTH = 60  # characters of the names of changed fields, in a line of the list
MAX_DURATION_MS = 10**12  # about thirty years
DEVICE_LABELS = {
    "pc": _("PC"),
    "mobile": _("mobile"),
    "tablet": _("tablet"),
    "bot": _("bot"),
    "other": _("other"),
}
EMPTY = SafeString('<span class="none">-</span>')
_MINOR_VERSION = re.compile(r"(?<=\d)\.[\d.]+$")  # left out, because the event's page has it


def user_label(event: Log) -> str:
    """Return the name of the event's user, or in words why there is none."""
    # A row from pinax-eventlog has no name of its own, so the name comes from the joined user.
    if event.user_id is not None and not event.user_repr and event.user is not None:
        return str(event.user)
    return user_in_words(event)


def user_in_words(event: Log) -> str:
    """Return ``event.user_name`` in the active language."""
    if event.user_repr:
        return str(event.user_repr)
    if event.user_id is not None:
        return gettext("user %(key)s") % {"key": event.user_id}
    if event.user_state == UserState.KNOWN:
        return gettext("erased")
    return "" if event.user_state is None else str(UserState(event.user_state).label)


def object_in_words(event: Log) -> str:
    """Return ``event.object_name`` in the active language."""
    if event.object_repr or event.object_id is None:
        return str(event.object_repr)
    return gettext("object %(key)s") % {"key": event.object_id}


def event_title(event: Log) -> str:
    """Return ``str(event)`` in the active language."""
    parts = filter(None, [user_in_words(event), event.action, object_in_words(event)])
    return f"{' '.join(parts)}, {local(event.timestamp):%Y-%m-%d %H:%M}"


def device_label(kind: Any) -> str:
    """Return a kind of device in the active language; another value as text."""
    known = isinstance(kind, str) and kind in DEVICE_LABELS
    return str(DEVICE_LABELS[kind]) if known else shorten(kind, MAX_WORD_LENGTH)


def user_and_acting_user(event: Log) -> str:
    """Return the name of the event's user, and of the person who acted in this name."""
    name, acting = user_label(event), event.facts.get("acting_user")
    if acting is None:
        return name
    return gettext("%(user)s (by %(acting_user)s)") % {
        "user": name,
        "acting_user": shorten(acting, MAX_USER_LENGTH),
    }


def link(text: Any, address: str) -> SafeString:
    """Return a link whose full text is its title."""
    return fast_html('<a href="{}" title="{}">{}</a>', address, text, text)


def link_if_address(text: str, address: str | None) -> SafeString | str:
    """Return ``text`` as a link if there is an address."""
    return text if address is None else fast_html('<a href="{}">{}</a>', address, text)


def shorten(text: Any, limit: int) -> str:
    """Return ``text`` cut to ``limit`` characters, with U+FFFD for what UTF-8 cannot encode."""
    text = text if isinstance(text, str) else as_json(text)
    return sanitize(text if len(text) <= limit else f"{text[: limit - 1]}…", limit)


def as_json(value: Any, indent: int | None = None) -> str:
    """Return the value as JSON, or "…" if it is nested too deeply."""
    try:
        return json.dumps(value, indent=indent, ensure_ascii=False, sort_keys=indent is not None)
    except RecursionError:
        return "…"


def indented_json(value: Any) -> str:
    """Return the value as indented JSON."""
    return UNSTORABLE.sub("\ufffd", as_json(value, indent=2))


def status_html(status: Any) -> SafeString:
    """Return a status in the colour of its class."""
    text = shorten(status, MAX_WORD_LENGTH)
    return fast_html('<span class="status s{}">{}</span>', text[:1], text)


def labelled_table(rows: Iterable[tuple[Any, Any]]) -> SafeString:
    """Return a table of labels and values."""
    cells = (
        (label, value if isinstance(value, SafeString) else shorten(value, MAX_VALUE_LENGTH))
        for label, value in rows
    )
    body = format_html_join("", '<tr><th scope="row">{}</th><td><bdi>{}</bdi></td></tr>', cells)
    return fast_html('<table class="facts">{}</table>', body) if body else EMPTY


def exact_time(moment: datetime) -> str:
    """Return the time with milliseconds and its offset from UTC."""
    return local(moment).isoformat(" ", "milliseconds")


def time_ago(moment: datetime) -> str:
    """Return the time since ``moment`` up to a day, and its date after that."""
    now = timezone.now()
    seconds = int((now - moment).total_seconds())
    if 0 <= seconds < 60:
        return ngettext("%(n)d s ago", "%(n)d s ago", seconds) % {"n": seconds}
    if 0 <= seconds < 3600:
        return ngettext("%(n)d min ago", "%(n)d min ago", seconds // 60) % {"n": seconds // 60}
    if 0 <= seconds < 86_400:
        return ngettext("%(n)d h ago", "%(n)d h ago", seconds // 3600) % {"n": seconds // 3600}
    moment = local(moment)
    if moment.year != local(now).year:
        return formats.minute(moment)
    return f"{formats.day_of_year(moment)} {formats.time(moment)}"


def time_html(event: Log) -> SafeString:
    """Return the time of day of an event, with the exact time and its age as its title."""
    moment = local(event.timestamp)
    return fast_html(
        '<time datetime="{}" title="{} · {}"><bdi>{}</bdi></time>',
        event.timestamp.isoformat(),
        exact_time(moment),
        time_ago(moment),
        f"{moment:%H:%M:%S}",
    )


def duration_text(milliseconds: Any) -> str:
    """Return a duration with a unit; a value that is not a duration as text."""
    if type(milliseconds) not in (int, float) or not abs(milliseconds) < MAX_DURATION_MS:
        return shorten(milliseconds, MAX_WORD_LENGTH)
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 60_000:
        return f"{formats.decimal(milliseconds / 1000)} s"
    return f"{milliseconds / 60_000:.0f} min"


def request_line(event: Log) -> SafeString:
    """Return method, path, status, duration and the application's values in one line."""
    known, own = event.facts, own_values_in_line(event)
    if "path" not in known:
        return fast_html('<div class="line" dir="ltr"><bdi>{}</bdi></div>', own) if own else EMPTY
    path = shorten(known["path"], MAX_VALUE_LENGTH)
    if query := known.get("query"):
        path = f"{path}?{shorten(query, MAX_VALUE_LENGTH)}"
    status, took = known.get("status"), known.get("duration_ms")
    answer = "" if status is None else fast_html("<span> → {}</span>", status_html(status))
    time = (
        "" if took is None else fast_html('<span class="quiet"> · {}</span>', duration_text(took))
    )
    return fast_html(
        '<div class="line" dir="ltr"><span class="method">{}</span> '
        '<bdi dir="ltr" title="{}">{}</bdi>{}{}{}</div>',
        shorten(known.get("method", ""), MAX_WORD_LENGTH),
        path,
        shorten(path, MAX_PATH_LENGTH),
        answer,
        time,
        fast_html(' <span class="own-values"><bdi>{}</bdi></span>', own) if own else "",
    )


def own_values_in_line(event: Log) -> str:
    """Return the first values of the application, such as ``total=7``, after changed fields."""
    if not isinstance(event.extra, dict):
        return ""
    facts, changes = event.facts, event.changes
    changed = [f"Δ {shorten(', '.join(changes), MAX_CHANGED_LENGTH)}"] if changes else []
    own = (
        f"{shorten(name, MAX_WORD_LENGTH)}={shorten(text, MAX_WORD_LENGTH)}"
        for name, value in event.extra.items()
        if name not in facts and (text := _in_line(value)) is not None
    )
    return " ".join([*changed, *islice(own, MAX_OWN_VALUES)])


def _in_line(value: Any) -> Any:
    """Return a value, or a list of values as text; None for what does not fit into a line."""
    if isinstance(value, list) and value and all(isinstance(each, str | int) for each in value):
        return ", ".join(str(each) for each in value[:MAX_OWN_VALUES])
    return value if isinstance(value, str | int | float) else None


def ip_link(ip: str, address: str) -> SafeString:
    """Return a link for an address; the style sheet may hide the middle of a full IPv6 address."""
    groups = ip.split(":")
    # Left to right, because its numbers are in the wrong order in a right-to-left page.
    if len(groups) < 8:
        return fast_html('<a href="{}" title="{}" dir="ltr">{}</a>', address, ip, ip)
    start, middle, end = ":".join(groups[:4]), ":".join(groups[4:7]), groups[7]
    return fast_html(
        '<a href="{}" title="{}" dir="ltr">{}<span class="middle">:{}</span>:{}</a>',
        address,
        ip,
        start,
        middle,
        end,
    )


def client_html(event: Log) -> SafeString:
    """Return the kind of device, the browser and the system, with the user agent as title."""
    known = event.facts
    kind = known.get("device_type")
    if kind is None:
        return EMPTY
    browser, system = (shorten(known.get(name) or "", 100) for name in ("browser", "os"))
    parts = [_MINOR_VERSION.sub("", browser), system]
    name = " · ".join(part for part in parts if part and part != "Other")
    return fast_html(
        '<span class="kind {}">{}</span> <span title="{}">{}</span>',
        kind if isinstance(kind, str) and kind in DEVICE_LABELS else "other",
        device_label(kind),
        shorten(known.get("ua", ""), 512),
        shorten(name, MAX_NAME_LENGTH),
    )
