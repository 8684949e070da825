"""Facets: the most frequent values of the events that a search finds."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ..models import Log
from ..records.user_state import UserState
from ..text import UNSTORABLE
from . import links
from .html import device_label
from .search.tree import Term

MAX_EVENTS = 1000  # newest events of a search that are counted
MAX_VALUES = 8  # of a facet, the most frequent ones


class FacetValue(NamedTuple):
    """A value of a facet, its number of events, and searches with and without it."""

    term: Term
    label: Any
    events: int
    only_address: str
    not_address: str


class Facet(NamedTuple):
    """The most frequent values of one key."""

    title: Any
    values: Sequence[FacetValue]


def _status(event: Log) -> Term | None:
    return None if event.status is None else Term("status", str(event.status))


def _fact(key: str, name: str) -> Callable[[Log], Term | None]:
    def term(event: Log) -> Term | None:
        value = event.facts.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= links.MAX_LINKED_LENGTH:
            return None
        return None if UNSTORABLE.search(value) else Term(key, value)

    return term


def _object_type(event: Log) -> Term | None:
    term = links.object_term(event)
    return term and Term("obj", term.value.partition(":")[0])


FACETS: Mapping[str | Promise, Callable[[Log], Term | None]] = {
    pgettext_lazy("eventlog", "Action"): lambda event: Term("action", event.action),
    pgettext_lazy("eventlog", "User"): links.user_term,
    _("Status"): _status,
    pgettext_lazy("eventlog", "Method"): _fact("method", "method"),
    _("Address"): links.ip_term,
    _("Device"): _fact("device", "device_type"),
    _("Kind of object"): _object_type,
}


def _label(term: Term) -> Any:
    """Return the value in the words of the list, which says "not known" for ``is:unknown``."""
    if term.key == "device":
        return device_label(term.value)
    return UserState[term.value.upper()].label if term.key == "is" else term.value


def facets(
    events: Sequence[Log], only: Callable[[Term], str], without: Callable[[Term], str]
) -> Iterator[Facet]:
    """Yield the facets of these events; one that has no value is left out."""
    for title, term_of in FACETS.items():
        counts = Counter(term for event in events if (term := term_of(event)) is not None)
        values = [
            FacetValue(term, _label(term), count, only(term), without(term))
            for term, count in counts.most_common(MAX_VALUES)
        ]
        if values:
            yield Facet(title, values)
