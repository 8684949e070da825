"""The links of the overview: to other periods, other searches, and the events behind a figure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from ..counts.buckets import PERIOD_LABELS, PERIODS, Bucket
from .choices import Choice
from .links import LIST, list_query
from .list_links import ListLinks
from .search.query import BOUNDS, Search
from .search.time_filters import time_as_term
from .search.tree import Node, Term, all_of, alternatives

STACKINGS = ("status", "action")


class OverviewLinks(ListLinks):
    """The search box of the overview, and its links, which all keep the search."""

    page_params: Mapping[str, str] = {}
    scan_step = 0

    def __init__(
        self, query: str, period: str, by: str, site: str, parse: Callable[[str], Search]
    ) -> None:
        self.query = query
        self.search = parse(query)
        self.filter_params = {"period": period, "by": by}
        self._list = reverse(LIST, current_app=site)

    @property
    def periods(self) -> Sequence[Choice]:
        """The periods, each with its link."""
        return [self._parameter("period", name, PERIOD_LABELS[name]) for name in PERIODS]

    @property
    def stackings(self) -> Sequence[Choice]:
        """The values by which the bars can be stacked, each with its link."""
        labels = {"status": _("status"), "action": _("action")}
        return [self._parameter("by", name, labels[name]) for name in STACKINGS]

    def _parameter(self, name: str, value: str, label: Any) -> Choice:
        address = self.address(params={name: value})
        return Choice(label, address, self.filter_params[name] == value)

    @property
    def list_address(self) -> str:
        """The list of the events that the search finds."""
        return self._list + (list_query(self.search.tree) if self.query else "")

    @cached_property
    def has_bounds(self) -> bool:
        """Return whether the search has a period of its own."""
        return any(term.key in BOUNDS for term in self.search.conditions)

    def events(self, bucket: Bucket, *terms: Term) -> str:
        """Return the list of the events of a bucket that ``terms`` and the search find."""
        bounds = Term("from", time_as_term(bucket.start)), Term("to", time_as_term(bucket.end))
        return self._list + list_query(_narrowed(self.search, [*terms, *bounds]))


def _narrowed(search: Search, terms: Sequence[Term]) -> Node:
    """Return the tree of a search to which all ``terms`` apply as well.

    Two values of one key would be alternatives. A term with a value that the search found replaces
    the choice of the search, and a class of statuses becomes a range.
    """
    exact = {term.key for term in terms if term.is_choice and not _is_class(term)}
    kept = [
        node
        for node in search.conjuncts
        if not any(term.key in exact for term in alternatives(node))
    ]
    chosen = {term.key for term in search.terms if term.is_choice}
    added: list[Term] = []
    for term in terms:
        if _is_class(term) and term.key in chosen:
            hundred = int(term.value[0]) * 100
            added += [Term("status", str(hundred), ">="), Term("status", str(hundred + 99), "<=")]
        else:
            added.append(term)
    return all_of([*kept, *added])


def _is_class(term: Term) -> bool:
    return term.key == "status" and term.value.endswith("xx")
