"""The links of the list of events: to other pages, other searches and corrected searches."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.views.main import SEARCH_VAR
from django.utils import timezone
from django.utils.functional import cached_property

from ..counts.buckets import PERIODS
from ..datetimes import aware, hour_of, local
from .choices import CHOICES, Choice, ChoiceGroup, SearchError
from .pagination import OLDEST, Page
from .parameters import (
    FACETS_VAR,
    FOLLOW_VAR,
    KIND_VAR,
    KINDS,
    NEWER_VAR,
    OLDER_VAR,
    PICK_VAR,
    SCAN_VAR,
    SELECT_VAR,
    VIEW_PARAMETERS,
)
from .search.filters import EXTRA_FILTER, FILTERS, WORD_FILTER, Filter
from .search.query import BOUNDS, Problem, Search
from .search.time_filters import time_as_term
from .search.tree import Node, Term

FOLLOW_SECONDS = 5


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _encoded(params: Mapping[str, Any]) -> str:
    return urlencode({name: value for name, value in params.items() if value != ""}, doseq=True)


class ListLinks:
    """Links from the list of events, for its templates and its columns."""

    search: Search
    query: str
    page: Page
    filter_params: dict[str, Any]
    page_params: Mapping[str, str]
    scan_step: int
    kind: str

    def bounds(self) -> tuple[datetime | None, datetime | None]:
        """Return the first time of the search and the end of its period; None for no bound."""
        raise NotImplementedError

    def period(self) -> tuple[datetime, datetime]:
        """Return start and end of the period of the search, or of the chart if it has none."""
        raise NotImplementedError

    def address(self, query: str | None = None, params: Mapping[str, Any] | None = None) -> str:
        """Return the address of this list with another search or other page parameters."""
        query = self.query if query is None else query
        search = urlencode({SEARCH_VAR: query}) if query else ""
        view = _encoded({**self._view, **params}) if params else self._encoded_view
        # Never empty, because the list without parameters shows the reader's default search.
        return "?" + ("&".join(filter(None, (self._encoded_filters, search, view))) or "q=")

    @cached_property
    def _view(self) -> Mapping[str, str]:
        return {name: self.page_params.get(name, "") for name in VIEW_PARAMETERS}

    # Encoded once, because a page has hundreds of links (benchmarks.review).

    @cached_property
    def _encoded_view(self) -> str:
        return _encoded(self._view)

    @cached_property
    def _encoded_filters(self) -> str:
        return _encoded({name: v for name, v in self.filter_params.items() if name != SEARCH_VAR})

    def narrowed_to(self, term: Term) -> str:
        """Return the address of this list with one more term."""
        return self.address(self.search.adding(term))

    @property
    def newer_address(self) -> str | None:
        """The page of newer events."""
        if (cursor := self.page.newer) is None:
            return None
        return self.address(params={NEWER_VAR: str(cursor)})

    @property
    def older_address(self) -> str | None:
        """The page of older events."""
        if (cursor := self.page.older) is None:
            return None
        return self.address(params={OLDER_VAR: str(cursor)})

    @property
    def oldest_address(self) -> str:
        """The page of the oldest events."""
        return self.address(params={NEWER_VAR: OLDEST})

    @property
    def overview_query(self) -> str:
        """The query string of the overview of the same search; empty without a search."""
        if not self.query:
            return ""
        start, _end = self.bounds()
        now = timezone.now()
        # The overview begins at a full hour.
        starts = {name: hour_of(now - length) for name, length in PERIODS.items()}
        covering = [name for name in starts if start is None or starts[name] <= aware(start)]
        period = (covering or [*PERIODS][-1:])[0]
        return f"?{urlencode({'q': self.query, 'period': period})}"

    @property
    def kinds(self) -> Sequence[Choice]:
        """The links that show events, requests or both."""
        return [
            Choice(label, self.address(params={KIND_VAR: kind}), kind == self.kind)
            for kind, label in KINDS.items()
        ]

    def switch(self, name: str) -> Choice:
        """Return the link that turns a part of the page on or off."""
        is_on = bool(self.page_params[name])
        return Choice(name, self.address(params={name: "" if is_on else "1"}), is_on)

    @property
    def facets_switch(self) -> Choice:
        """The link that shows or hides the facets."""
        return self.switch(FACETS_VAR)

    @property
    def select_switch(self) -> Choice:
        """The link that shows or hides the checkboxes."""
        return self.switch(SELECT_VAR)

    @property
    def follow_switch(self) -> Choice:
        """The link that starts or stops the reloading of the newest page."""
        return self.switch(FOLLOW_VAR)

    @property
    def follow_seconds(self) -> int | None:
        """The seconds until the page is loaded again; None if the list is not followed."""
        return FOLLOW_SECONDS if self.page_params[FOLLOW_VAR] else None

    @property
    def absolute_address(self) -> str:
        """This list for a colleague: with an end, and with times of every time zone."""
        if self.search.errors:
            return self.address(params=self._position)
        start, end = self.bounds()
        terms = {term.key for term in self.search.terms}
        if start is not None and "last" in terms:
            start = _minute(start)
        # Not rounded up, because an end in the future would let further events in.
        bounds = {"from": start, "to": end or timezone.now()}
        absolute = [
            Term(key, local(aware(moment)).isoformat())
            for key, moment in bounds.items()
            if moment is not None
        ]
        return self.address(self.search.replacing(BOUNDS, *absolute), self._position)

    @property
    def _position(self) -> Mapping[str, str]:
        return {name: self.page_params[name] for name in (OLDER_VAR, NEWER_VAR)}

    def within(self, start: datetime, end: datetime) -> str:
        """Return the address of this list for another period."""
        bounds = [
            Term(key, time_as_term(moment.replace(microsecond=0)))
            for key, moment in (("from", start), ("to", end))
        ]
        return self.address(self.search.replacing(BOUNDS, *bounds))

    @property
    def scan_further_address(self) -> str | None:
        """The page that continues where the scan stopped, with a higher limit if it is empty."""
        if (cursor := self.page.scanned_until) is None:
            return None
        further = {SCAN_VAR: self.scan_step + 1} if not self.page.events else {}
        return self.address(params={OLDER_VAR: str(cursor), **further})

    @cached_property
    def chips(self) -> Sequence[Choice]:
        """Return the parts of the search, each with a link that removes it."""
        return [
            Choice(node, self.address(self.search.without(node)), True)
            for node in self.search.conjuncts
        ]

    @cached_property
    def errors(self) -> Sequence[SearchError]:
        """Return the errors of the search, with links that correct or remove the term."""
        return [self._with_links(problem) for problem in self.search.errors]

    @cached_property
    def hints(self) -> Sequence[SearchError]:
        """Return remarks about valid terms, with links to what was perhaps meant."""
        return [self._with_links(problem) for problem in self.search.hints]

    def _with_links(self, problem: Problem) -> SearchError:
        suggestion = None
        if problem.suggestion:
            label = problem.suggested_part
            suggestion = Choice(label, self.address(problem.suggestion), False)
        without = None if problem.without is None else self.address(problem.without)
        return SearchError(problem.part, problem.reason, suggestion, without)

    def groups(self) -> Iterator[ChoiceGroup]:
        """Yield the groups of filters above the list."""
        for title, choices in CHOICES:
            siblings: set[Node] = {Term(key, value) for key, value, _label in choices}
            if title == CHOICES[0][0]:
                siblings |= {t for t in self.search.terms if t.key in BOUNDS}
            yield ChoiceGroup(
                title, [self._choice(Term(k, v), label, siblings) for k, v, label in choices]
            )

    def _choice(self, term: Term, label: Any, siblings: set[Node]) -> Choice:
        address = self.address(self.search.toggled(term, siblings))
        return Choice(label, address, term in self.search.terms)

    @property
    def other_terms(self) -> str:
        """The search without its period, for the form that sets another one."""
        return self.search.replacing(BOUNDS)

    @property
    def completions(self) -> Sequence[str]:
        """The keys and values that the search box completes."""
        return [f"{key}:{value}" for key, each in FILTERS.items() for value in each.values or [""]]

    @property
    def filters(self) -> Sequence[Filter]:
        """The filters that the help lists."""
        return [*FILTERS.values(), EXTRA_FILTER, WORD_FILTER]

    @property
    def picks_action(self) -> bool:
        """True if the list of actions is open."""
        return self.page_params[PICK_VAR] == "action"

    @property
    def pick_address(self) -> str:
        """The list with the actions opened or closed."""
        return self.address(params={} if self.picks_action else {PICK_VAR: "action"})
