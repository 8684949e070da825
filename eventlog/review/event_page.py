"""The page of one event: the application's data, the facts of the request, and what else."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ..changes import KEY as CHANGES
from ..metadata.fields import labels
from ..models import Log
from . import html, links, values, what_else
from .extra_loading import full_size
from .html import EMPTY, labelled_table, link_if_address
from .reader import Reader
from .search.tree import Term

EVENT_FACTS, REQUEST_FACTS, CLIENT_FACTS = labels("event"), labels("request"), labels("client")
UNKNOWN_PRODUCT = "Other"  # the name that user-agents gives to what it does not know
PRODUCTS = ("browser", "os", "device")
_SHOWN: Mapping[str, Callable[[Any], Any]] = {
    "status": html.status_html,
    "duration_ms": html.duration_text,
    "device_type": html.device_label,
}


def event_table(event: Log, site: str) -> SafeString:
    """Return time, user, action and object."""
    user: SafeString | str = html.user_label(event) or EMPTY
    if event.user_id is not None:
        user = link_if_address(html.user_label(event), links.user_address(site, event))
    rows: list[tuple[Any, Any]] = [
        (pgettext_lazy("eventlog", "Time"), html.exact_time(event.timestamp)),
        (pgettext_lazy("eventlog", "User"), user),
        (
            pgettext_lazy("eventlog", "Action"),
            link_if_address(event.action, _action_address(event, site)) or EMPTY,
        ),
    ]
    if event.object_name:
        # The page of a deleted object does not exist. Only the page of an event takes this query.
        address = links.object_address(site, event)
        is_there = address is not None and event.obj is not None
        name = html.object_in_words(event)
        rows.append((_("Object"), link_if_address(name, address if is_there else None)))
    return labelled_table([*rows, *_facts(event, EVENT_FACTS, site)])


def _only(event: Log) -> dict[str, Any]:
    """Return the parameters of the list with this event alone."""
    period = what_else.period_terms(event.timestamp, event.timestamp)
    return {"id__exact": event.pk} | {term.key: term.value for term in period}


def _action_address(event: Log, site: str) -> str | None:
    return links.list_address(site, Term("action", event.action)) if event.action else None


def own_values(event: Log) -> Any:
    """Return what the application put into ``extra``: not facts of the request, nor changes."""
    if not isinstance(event.extra, dict):
        return event.extra
    shown = {*event.facts, CHANGES} if event.changes else event.facts
    return {key: value for key, value in event.extra.items() if key not in shown}


def data_table(event: Log, site: str) -> SafeString:
    """Return the application's values; for a large ``extra``, a link to all of it."""
    note: SafeString | str = ""
    if size := full_size(event):
        note = format_html(
            '<p class="looked">{} <a href="{}?{}">{}</a></p>',
            _("Only the facts of the request are shown, because the data has %(size)s.")
            % {"size": filesizeformat(size)},
            reverse(links.EXPORT, args=["jsonl"], current_app=site),
            urlencode(_only(event)),
            _("Download all data"),
        )
    own = own_values(event)
    rows = values.rows_table(values.value_rows(own, "extra")) if own or not note else ""
    return format_html("{}{}", note, rows)


def request_table(event: Log, site: str) -> SafeString:
    """Return the facts of the request."""
    return _facts_table(event, REQUEST_FACTS, site)


def client_table(event: Log, site: str) -> SafeString:
    """Return the facts of the client."""
    return _facts_table(event, CLIENT_FACTS, site)


def _facts_table(event: Log, names: Mapping[str, Any], site: str) -> SafeString:
    return labelled_table(_facts(event, names, site))


def _facts(event: Log, names: Mapping[str, Any], site: str) -> Iterator[tuple[Any, Any]]:
    for name in _known(event, names):
        yield names[name], _fact(event, name, event.facts[name], site)


def _known(event: Log, names: Mapping[str, Any]) -> Sequence[str]:
    """Return the names of the facts that say something."""
    facts = event.facts
    left_out = {name for name in PRODUCTS if facts.get(name) == UNKNOWN_PRODUCT}
    if str(facts.get("device")).lower() == facts.get("device_type"):
        left_out.add("device")  # such as "PC", which is the kind of device again
    return [name for name in names if facts.get(name) is not None and name not in left_out]


def _fact(event: Log, name: str, value: Any, site: str) -> Any:
    """Return a fact, with a link to the events that have the same one."""
    term = links.ip_term(event) if name == "ip" else links.fact_term(name, value)
    show = _SHOWN.get(name, partial(html.shorten, limit=html.MAX_VALUE_LENGTH))
    text = show(value)
    return text if term is None else link_if_address(text, links.list_address(site, term))


def raw_json(event: Log) -> str:
    """Return all of ``extra`` as JSON; empty if it is empty, or large and therefore not loaded."""
    return "" if full_size(event) or event.extra in (None, {}) else html.indented_json(event.extra)


def empty_sections(event: Log) -> frozenset[str]:
    """Return the fields of the sections that have nothing to show."""
    is_shown = {
        "changed_fields": bool(event.changes),
        "own_data": bool(full_size(event)) or own_values(event) not in (None, "", [], {}),
        "request_facts": bool(_known(event, REQUEST_FACTS)),
        "client_facts": bool(_known(event, CLIENT_FACTS)),
        "links_to_related": bool(found_else(event).items),
    }
    return frozenset(name for name, shown in is_shown.items() if not shown)


def find_else(event: Log, reader: Reader, site: str) -> None:
    """Find what else happened, once, and keep it with the event for the sections of its page."""
    if "_what_else" not in event.__dict__:
        event.__dict__["_what_else"] = what_else.what_else(event, reader, site)


def found_else(event: Log) -> what_else.WhatElse:
    """Return what ``find_else()`` has found for this event."""
    found: what_else.WhatElse = event.__dict__.get("_what_else", what_else.WhatElse())
    return found


def links_of(event: Log) -> SafeString:
    """Return the links to related events."""
    return what_else.list_of_links(found_else(event).items)
