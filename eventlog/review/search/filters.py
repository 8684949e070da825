"""The filters of the search language: parsing, completion, help and documents read this table.

To add a filter, add an entry here and a function that returns its condition.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ...text import UNSTORABLE
from .change_filters import changed
from .condition import Condition, InvalidTermError
from .event_filters import EXTRA, HAS, KINDS, action, extra, has, is_, word
from .reference_filters import acting_user, obj, user
from .request_filters import (
    browser,
    command,
    device,
    duration,
    exception,
    ip,
    method,
    path,
    query,
    reason,
    referer,
    request,
    route,
    status,
    system,
    trace,
    view,
)
from .spelling import choices_sentence, nearest_spelling
from .time_filters import at, from_, last, to
from .tree import Node, Term
from .valid_values import DEVICES

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Filter(NamedTuple):
    """One key of the search language."""

    find: Callable[..., Condition]
    """Takes the value; and the operator, if it is compared."""
    description: str | Promise
    examples: Sequence[str]
    is_compared: bool = False
    values: Sequence[str] = ()
    """Values that the search box completes."""


FILTERS: Mapping[str, Filter] = {
    "user": Filter(
        user,
        _("events by a user: username, e-mail address, primary key, or name of a deleted account"),
        ["user:anna", "user:anonymous"],
        values=["anonymous"],
    ),
    "acting_user": Filter(
        acting_user,
        _("events by a person who acted on behalf of another user"),
        ["acting_user:admin"],
    ),
    "reason": Filter(
        reason, _("a part of the reason that was given for the event"), ["reason:4711"]
    ),
    "command": Filter(command, _("a management command"), ["command:import_orders"]),
    "ip": Filter(
        ip, _("events from an address or a network"), ["ip:203.0.113.7", "ip:203.0.113.0/24"]
    ),
    "action": Filter(
        action,
        _("an action, in capital or small letters, or all actions that match a pattern"),
        ["action:POST_LOGIN", "action:POST_*"],
    ),
    "obj": Filter(
        obj, _("an object, or all objects of a type"), ["obj:shop.order:7", "obj:shop.order"]
    ),
    "status": Filter(
        status,
        _("the status of the response, a class or a range"),
        ["status:404", "status:404,410", "status:5xx", "status:>=500"],
        is_compared=True,
        values=["2xx", "3xx", "4xx", "5xx"],
    ),
    "duration": Filter(
        duration,
        _("the time until the response was ready: a number with ms, s or min"),
        ["duration:>500ms", "duration:<=2s"],
        is_compared=True,
        values=[">500ms", ">1s", ">5s"],
    ),
    "path": Filter(
        path,
        _("a path that starts with this text, or matches a pattern"),
        ["path:/orders/", "path:*.pdf"],
    ),
    "query": Filter(query, _("a part of the query string"), ["query:utm_source=news"]),
    "method": Filter(method, _("the method"), ["method:POST"], values=METHODS),
    "view": Filter(
        view,
        _("a view by name, or all that match a pattern"),
        ["view:shop:checkout", "view:shop:*"],
    ),
    "route": Filter(route, _("a URL pattern"), ["route:orders/<int:pk>/"]),
    "exception": Filter(
        exception, _("the class name of the exception that a view raised"), ["exception:ValueError"]
    ),
    "referer": Filter(
        referer,
        _("a part of the URL of the page that the visitor came from"),
        ["referer:example.com"],
    ),
    "device": Filter(device, _("the kind of device"), ["device:mobile"], values=DEVICES),
    "browser": Filter(
        browser, _("a browser whose name starts with this text"), ["browser:firefox"]
    ),
    "os": Filter(system, _("an operating system whose name starts with this text"), ["os:windows"]),
    "is": Filter(
        is_,
        _(
            "events by a known user, an anonymous visitor, a user who is not known, a bot, or a "
            "person; request events, or all other events"
        ),
        [f"is:{kind}" for kind in KINDS],
        values=[*KINDS],
    ),
    "has": Filter(
        has,
        _(
            "events that have the named part: a user, an object, changes, a fact such as "
            "exception, or a value in extra"
        ),
        ["has:user", "has:exception", "has:changes", "has:extra.title"],
        values=[*HAS],
    ),
    "changed": Filter(changed, _("events with a recorded change of this field"), ["changed:price"]),
    "request": Filter(request, _("all events of one request, by its ID"), ["request:3f2a…"]),
    "trace": Filter(
        trace,
        _("all events of one trace, by its ID or a traceparent"),
        ["trace:4bf92f3577b34da6a3ce929d0e0e4736"],
    ),
    "last": Filter(last, _("a time span until now"), ["last:24h"], values=["1h", "24h", "7d"]),
    "from": Filter(from_, _("from this date or time on"), ["from:2026-01-31"]),
    "to": Filter(to, _("up to the end of a date, or before a time"), ["to:2026-01-31T09:30"]),
    "at": Filter(
        at,
        _(
            "this minute, the minute before and the minute after; for a time with seconds, this "
            "second, the second before and the second after"
        ),
        ["at:2026-01-31T09:30"],
    ),
}

EXTRA_FILTER = Filter(
    extra,
    _("any other recorded value; numbers can be compared"),
    ['extra.title:"Foo"', "extra.order.total:>100"],
    is_compared=True,
)
WORD_FILTER = Filter(
    word,
    _("a word: a user, an action, an address, a path, or a part of an object's name"),
    ["login"],
)


def find(term: Term) -> Condition:
    """Return the condition of a term. Raise ``InvalidTermError`` for one that is not valid."""
    found = checked_filter(term)
    if term.key.startswith(EXTRA):
        return extra(term.key, term.value, term.operator)
    arguments: list[Any] = [term.value, term.operator] if found.is_compared else [term.value]
    return found.find(*arguments)


def checked_filter(term: Term) -> Filter:
    """Return the filter of a term. Raise ``InvalidTermError`` if the filter does not take it."""
    if UNSTORABLE.search(f"{term.key}{term.value}"):
        raise InvalidTermError(gettext("The term has a NUL or a lone surrogate. Remove it."))
    found = _filter_of(term)
    if not term.value:
        raise InvalidTermError(
            gettext("The term has no value. Write the value after the colon."), _with_value(term)
        )
    if term.operator and not found.is_compared:
        raise InvalidTermError(
            gettext("%(key)s: does not take a comparison such as %(operator)s.")
            % {"key": term.key, "operator": term.operator},
            term._replace(operator=""),
        )
    return found


def _filter_of(term: Term) -> Filter:
    if not term.key:
        return WORD_FILTER
    if term.key in FILTERS:
        return FILTERS[term.key]
    if term.key.startswith(EXTRA):
        return EXTRA_FILTER
    near = nearest_spelling(term.key, FILTERS)
    raise InvalidTermError(
        gettext("Unknown key %(key)r. %(choices)s Put a text with a colon in quotation marks.")
        % {"key": term.key, "choices": choices_sentence([*FILTERS, f"{EXTRA}NAME"])},
        term._replace(key=near) if near else _as_extra(term),
    )


def _as_extra(term: Term) -> Node | None:
    """Return the term with the key as a name in ``extra``, where an application's values are."""
    return term._replace(key=f"{EXTRA}{term.key}") if term.value else None


def _with_value(term: Term) -> Node | None:
    """Return the nearest term with a value: that there is one at all."""
    if term.key in HAS or term.key.startswith(EXTRA):
        return Term("has", term.key)
    return Term("has", "object") if term.key == "obj" else None


__all__ = ["EXTRA_FILTER", "FILTERS", "WORD_FILTER", "Filter", "checked_filter", "find"]
