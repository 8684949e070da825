"""The admin's list of events: what it is narrowed to, what it can be narrowed to, and its pages."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from datetime import timedelta
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from .nearest import count_up_to
from .pages import LOOK, LOOK_FURTHER, Mark, about_how_many, page
from .search import BOUNDS, Search, Term, join
from .tally import count_actions
from .terms import KEYS

OLDER_VAR, NEWER_VAR, LOOK_VAR, PICK_VAR = "older", "newer", "look", "pick"
PAGING = (OLDER_VAR, NEWER_VAR, LOOK_VAR, PICK_VAR)
CALENDARS = ("from", "to")
COUNTED = 1000  # events that are counted; of more it is said that they are more

# In groups: of each, one choice at a time.
CHOICES: Sequence[tuple[Any, Sequence[tuple[str, str, Any]]]] = (
    (
        _("Time"),
        [
            ("last", "1h", _("hour")),
            ("last", "24h", _("24 h")),
            ("last", "7d", _("7 d")),
            ("last", "30d", _("30 d")),
        ],
    ),
    (_("Who"), [("is", "user", _("logged in")), ("is", "anonymous", _("anonymous"))]),
    (
        _("Status"),
        [("status", name, name) for name in ("2xx", "3xx", "4xx", "5xx")],
    ),
    (_("Method"), [("method", name, name) for name in ("GET", "POST", "PUT", "PATCH", "DELETE")]),
    (
        _("Client"),
        [
            ("is", "human", _("people")),
            ("is", "bot", _("bots")),
            ("device", "pc", _("PC")),
            ("device", "mobile", _("mobile")),
            ("device", "tablet", _("tablet")),
        ],
    ),
)


class Choice(NamedTuple):
    label: Any
    address: str
    chosen: bool
    events: int | None = None


class Group(NamedTuple):
    title: Any
    choices: Sequence[Choice]


def query_of(params: QueryDict) -> str:
    """What is asked of the list: the search, and what the form with the calendars adds to it."""
    added = [str(Term(key, str(params[key]))) for key in CALENDARS if params.get(key)]
    return " ".join([params.get(SEARCH_VAR, ""), *added]).strip()


class EventList(ChangeList):
    """Finds its events by the search language, and shows them page by page without counting."""

    search: Search

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        self._paging = {name: request.GET.get(name, "") for name in PAGING}
        for name in PAGING:
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        self.query = query_of(request.GET)
        for key in CALENDARS:
            self.params.pop(key, None)
            self.filter_params.pop(key, None)
        self.search = Search.parse(self.query)
        asked, self.query = self.query, ""  # the pages find what it asks for themselves
        try:
            found = super().get_queryset(request, exclude_parameters)
        finally:
            self.query = asked
        if self.search.misunderstood and request.POST.get("select_across") == "1":
            found = found.none()  # an action on all that was meant, whatever that was
        self.events = found
        return found.filter(self.search.wanted.condition)

    def get_results(self, request: HttpRequest) -> None:
        # Its columns link to this list, narrowed; the admin is that of all requests.
        own_admin: Any = copy(self.model_admin)
        own_admin.narrowed_to = self.narrowed_to
        self.model_admin = own_admin
        look = self._paging[LOOK_VAR]
        self.look = min(int(look), 6) if look.isdecimal() else 0
        self.page = page(
            self.events,
            self.search.wanted,
            self.list_per_page,
            older=Mark.read(self._paging[OLDER_VAR]),
            newer=Mark.read(self._paging[NEWER_VAR]),
            look=LOOK * LOOK_FURTHER**self.look,
        )
        self.result_list = self.page.events
        self.result_count = len(self.page.events)
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = self.multi_page = False
        self.paginator = self.model_admin.get_paginator(
            request, self.result_list, self.list_per_page
        )

    # What the template asks for

    def address(self, query: str | None = None, params: Mapping[str, Any] | None = None) -> str:
        """This list, with another search or another page."""
        kept = {name: values for name, values in self.filter_params.items() if name != SEARCH_VAR}
        query = self.query if query is None else query
        asked = {SEARCH_VAR: query} if query else {}
        return "?" + urlencode({**kept, **asked, **(params or {})}, doseq=True)

    def narrowed_to(self, term: Term) -> str:
        return self.address(self.search.adding(term))

    @property
    def newer_address(self) -> str | None:
        if (mark := self.page.newer) is None:
            return None
        return self.address(params={NEWER_VAR: str(mark)})

    @property
    def older_address(self) -> str | None:
        if (mark := self.page.older) is None:
            return None
        return self.address(params={OLDER_VAR: str(mark)})

    @property
    def further_address(self) -> str | None:
        """On from where the look for what no index finds came to its end."""
        if (mark := self.page.looked_back_to) is None:
            return None
        further = {LOOK_VAR: self.look + 1} if not self.page.events else {}
        return self.address(params={OLDER_VAR: str(mark), **further})

    @property
    def is_narrowed(self) -> bool:
        """Whether there may be events that it does not show."""
        return bool(self.filter_params or self._paging[OLDER_VAR] or self._paging[NEWER_VAR])

    @cached_property
    def narrowed(self) -> Sequence[Choice]:
        """Each term, and the list without it."""
        return [
            Choice(term, self.address(self.search.without(term)), True)
            for term in self.search.terms
        ]

    def groups(self) -> Iterator[Group]:
        for title, choices in CHOICES:
            siblings = {Term(key, value) for key, value, _label in choices}
            if title == CHOICES[0][0]:
                siblings |= {t for t in self.search.terms if t.key in BOUNDS}
            yield Group(
                title,
                [
                    Choice(
                        label,
                        self.address(self.search.toggled(Term(key, value), siblings)),
                        Term(key, value) in self.search.terms,
                    )
                    for key, value, label in choices
                ],
            )

    @property
    def other_terms(self) -> str:
        """The search without its period, for the form that gives it another."""
        return join(t for t in self.search.terms if t.key not in BOUNDS)

    @property
    def completions(self) -> Sequence[str]:
        """What can begin a term, for the search box."""
        return [f"{key}:" for key in KEYS]

    @property
    def picks_action(self) -> bool:
        return self._paging[PICK_VAR] == "action"

    @property
    def pick_address(self) -> str:
        return self.address(params={} if self.picks_action else {PICK_VAR: "action"})

    @cached_property
    def _counted(self) -> tuple[Counter[str], int]:
        return count_actions(*self.period())

    @property
    def uncounted_hours(self) -> int:
        return self._counted[1]

    def actions(self) -> Sequence[Choice]:
        """The actions of the period that was chosen, the most frequent first."""
        counts, _missing = self._counted
        chosen = {term for term in self.search.terms if term.key == "action"}
        return [
            Choice(
                name,
                self.address(self.search.toggled(Term("action", name), chosen)),
                Term("action", name) in chosen,
                count,
            )
            for name, count in counts.most_common()
        ]

    def period(self) -> tuple[Any, Any]:
        """From when to when the chosen period goes; the last 30 days if none was chosen."""
        now = timezone.now()
        bounds = [
            cast("tuple[str, Any]", KEYS[term.key](term.value).wanted.children[0])
            for term in self.search.terms
            if term.key in BOUNDS
        ]
        starts = [moment for bound, moment in bounds if bound == "timestamp__gte"]
        ends = [moment for bound, moment in bounds if bound == "timestamp__lt"]
        return max(starts, default=now - timedelta(days=30)), min(ends, default=now)

    def how_many(self) -> tuple[str, int]:
        """How the number is to be read, and the number."""
        if not (self.page.newer or self.page.older or self.page.looked_back_to):
            return "exactly", len(self.page.events)
        wanted = self.search.wanted
        if wanted.residual:
            return "shown", len(self.page.events)
        filtered = len(self.filter_params) > (SEARCH_VAR in self.filter_params)
        if wanted.lead or wanted.period or filtered:
            count = count_up_to(COUNTED, self.events.filter(wanted.period), wanted.lead)
            return ("more", COUNTED) if count > COUNTED else ("exactly", count)
        estimate = about_how_many()
        if estimate > COUNTED * 10:
            return "about", estimate
        return "exactly", self.queryset.order_by()[: estimate * 10 + COUNTED].count()
