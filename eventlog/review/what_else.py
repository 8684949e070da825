"""Links from one event to what else happened, each with its number of events."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from .. import formats
from ..datetimes import MINUTE, local, shifted
from ..models import Log
from ..records.user_state import UserState
from . import html, links
from .reader import Reader
from .related import (
    MAX_COUNTED_EVENTS,
    MAX_EVENTS_AROUND,
    MAX_EVENTS_OF_REQUEST,
    Position,
    RelatedSpan,
    session_of,
)
from .search import reference_filters
from .search.condition import InvalidTermError
from .search.plan import QueryPlan, plan_of
from .search.time_filters import time_as_term
from .search.tree import Term


class Item(NamedTuple):
    """A link to related events, and their number in words; empty if they are not counted."""

    label: Any
    address: str
    number: str
    note: str = ""


class WhatElse(NamedTuple):
    """Everything that an event's page shows about other events."""

    items: Sequence[Item] = ()
    same_request: Sequence[Log] = ()
    around: Sequence[Log] = ()
    is_by_user: bool = False  # ``around`` has the events of a user, else of an address


class _Walk(NamedTuple):
    """The events before and after an event, nearest first, by its user or else its address."""

    before: Sequence[Position] = ()
    after: Sequence[Position] = ()
    is_by_user: bool = False


def what_else(event: Log, reader: Reader, site: str) -> WhatElse:
    """Return the events related to ``event``, by a constant number of bounded queries."""
    user, ip = _user(event, reader), _understood(links.ip_term(event), reader)
    obj = _understood(links.object_term(event), reader)
    of_request = reader.same_request(event)
    walked = _walk(event, reader, user, ip)
    items = []
    if of_request:
        items.append(_request_item(event, of_request, site))
    if ip is not None and (same_user := _session_term(event, user)) is not None:
        session = session_of(event, walked.before, walked.after, by_name=walked.is_by_user)
        items.append(_session_item(session, [same_user, ip.term], site))
    for label, found in (
        (_("Same user"), user),
        (_("Same address"), ip),
        (_("Same object"), obj),
    ):
        if found is not None:
            address = links.list_address(site, found.term)
            items.append(Item(label, address, _count(found.plan, reader)))
    shown = of_request[:MAX_EVENTS_OF_REQUEST]
    others = [each for each in shown if each.pk != event.pk]
    same_request, around = reader.events_at(others, _around(event, walked))
    return WhatElse(items, same_request, around, walked.is_by_user)


class _Found(NamedTuple):
    """A term that the search understands, and the plan of its query."""

    term: Term
    plan: QueryPlan

    @property
    def is_exact(self) -> bool:
        """True if an index finds the events, and no others."""
        return self.plan.index_scan is not None and not self.plan.residual


def _understood(term: Term | None, reader: Reader) -> _Found | None:
    try:
        return None if term is None else _Found(term, plan_of((), [reader.find(term)]))
    except InvalidTermError:  # such as a name with a NUL
        return None


def _user(event: Log, reader: Reader) -> _Found | None:
    """Return the user, or the name if the event has no account's key."""
    if event.user_id is not None:
        return _understood(links.user_term(event), reader)
    # ``user:anonymous`` finds the events without a name.
    if not event.user_repr or event.user_repr.lower() == reference_filters.ANONYMOUS:
        return None
    found = _understood(Term("user", event.user_repr), reader)
    # Without an index of names, the name of an account finds only the events of this account.
    return None if found is None or (found.is_exact and not reader.finds_names) else found


def _session_term(event: Log, user: _Found | None) -> Term | None:
    """Return the term of the user, or of anonymous visitors; None if no term finds the user.

    Events whose user is not known may be of several users, so they do not make a session of work.
    """
    if user is not None:
        return user.term
    return links.user_term(event) if event.user_state == UserState.ANONYMOUS else None


def _walk(event: Log, reader: Reader, user: _Found | None, ip: _Found | None) -> _Walk:
    for found in (user, ip):
        if found is not None and found.is_exact:
            before = reader.nearest_positions(event, found.plan, backwards=False)
            after = reader.nearest_positions(event, found.plan, backwards=True)
            return _Walk(before, after, found is user)
    return _Walk()


def _around(event: Log, walked: _Walk) -> Sequence[Position]:
    """Return the event and those next to it, the newest first; nothing if it is alone."""
    before, after = (some[:MAX_EVENTS_AROUND] for some in (walked.before, walked.after))
    if not before and not after:
        return []
    return [*reversed(after), Position(event.pk, event.timestamp), *before]


def _request_item(event: Log, found: Sequence[Position], site: str) -> Item:
    """Return the link to the events of the request; the time span saves a search of the table."""
    term = Term("request", event.facts["request_id"])
    span = period_terms(found[0].timestamp, found[-1].timestamp)
    address = links.list_address(site, term, *span)
    return Item(_("Same request"), address, count_in_words(len(found)))


def _session_item(session: RelatedSpan, terms: Sequence[Term], site: str) -> Item:
    address = links.list_address(site, *terms, *period_terms(session.start, session.end))
    count = count_in_words(session.events)
    if session.is_cut:
        text = ngettext("at least %(count)s event", "at least %(count)s events", session.events)
        count = text % {"count": formats.number(session.events)}
    note = _from_to(session)
    return Item(_("Same session of work"), address, count, note)


def period_terms(first: datetime, last: datetime) -> Sequence[Term]:
    """Return the terms of a time span that includes both times."""
    # ``to:`` excludes its time. No database stores less than a microsecond.
    end = shifted(last, timedelta(microseconds=1))
    return [Term("from", time_as_term(first)), Term("to", time_as_term(end))]


def _from_to(session: RelatedSpan) -> str:
    """Return the first and the last time, with the date if the session passes midnight.

    It is empty if a time span would say nothing, because both times are the same.
    """
    start, end = local(session.start), local(session.end)
    is_short = end - start < MINUTE
    times = [formats.time(each, seconds=is_short) for each in (start, end)]
    if start.date() != end.date():
        times = [
            f"{formats.day_of_year(each)} {time}"
            for each, time in zip((start, end), times, strict=True)
        ]
    return "" if times[0] == times[1] else " – ".join(times)  # noqa: RUF001 (a range of times)


def _count(plan: QueryPlan, reader: Reader) -> str:
    """Return the number of events in words; empty if the store cannot count them."""
    count = reader.count(plan, MAX_COUNTED_EVENTS)
    return "" if count is None else count_in_words(count)


def count_in_words(count: int) -> str:
    """Return the number of events, exact to ``MAX_COUNTED_EVENTS``; the event itself is one."""
    if count == 1:
        return gettext("only this event")
    if count > MAX_COUNTED_EVENTS:
        limit = MAX_COUNTED_EVENTS
        text = ngettext("more than %(count)s event", "more than %(count)s events", limit)
        return text % {"count": formats.number(limit)}
    text = ngettext("%(count)s event", "%(count)s events", count)
    return text % {"count": formats.number(count)}


def list_of_links(items: Sequence[Item]) -> SafeString:
    """Return the links as a list."""
    rows = format_html_join(
        "",
        '<li><a href="{}">{}</a> <span class="count"><bdi>{}</bdi></span>'
        ' <span class="quiet">{}</span></li>',
        ((item.address, item.label, item.number, item.note) for item in items),
    )
    return format_html('<ul class="what-else">{}</ul>', rows) if rows else html.EMPTY
