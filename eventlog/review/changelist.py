"""The admin's list of events: its query, its page and its counts."""

import re
from collections.abc import Sequence
from copy import copy
from datetime import timedelta
from functools import partial
from itertools import chain
from typing import Any, cast

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import quote
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.core.exceptions import DisallowedHost
from django.db import transaction
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.functional import cached_property

from ..datetimes import EARLIEST
from ..models.relations import with_relations
from ..text import UNSTORABLE
from .choices import Choice
from .links import event_page_path, time_parameter
from .list_panels import ListPanels
from .pagination import SCAN_LIMIT, SCAN_LIMIT_FACTOR, Cursor, Page
from .parameters import (
    KIND_VAR,
    KINDS,
    NEWER_VAR,
    OLDER_VAR,
    PAGE_PARAMETERS,
    SCAN_VAR,
)
from .reader import reader
from .reader_results import ActionCounts
from .search.filters import find
from .search.parser import SyntaxProblem, parse
from .search.plan import QueryPlan
from .search.query import BOUNDS, InvalidSearch
from .search.tree import Node, Term, all_of

DATE_PARAMETERS = ("from", "to")
KIND_KEY = "eventlog_show"  # of the session
DEFAULT_PERIOD = timedelta(days=30)
MAX_SCAN_STEP = 6
PLACEHOLDER_KEY = 7_340_918_265  # digits that no other part of an address has
MAX_COUNTED_EVENTS = 1000  # above this number, the list says "more than"


def query_of(params: QueryDict) -> str:
    """Return the search of the address, with the terms of the form with the dates."""
    query = params.get(SEARCH_VAR, "").strip()
    added = [Term(key, str(params[key])) for key in DATE_PARAMETERS if params.get(key)]
    tree = parse(query)
    if not added or isinstance(tree, SyntaxProblem):
        return query
    return str(all_of([tree, *added]))


def kind_of(request: HttpRequest, chosen: str) -> str:
    """Return whether events, requests or both are shown, and remember the choice."""
    session = getattr(request, "session", {})
    if chosen not in KINDS:
        remembered = session.get(KIND_KEY)
        return remembered if remembered in KINDS else "both"
    if session.get(KIND_KEY, "both") != chosen:
        session[KIND_KEY] = chosen
    return chosen


def plan_of_kind(plan: QueryPlan, kind: str) -> QueryPlan:
    """Return the plan for requests or other events only."""
    if kind == "both":
        return plan
    condition = find(Term("is", kind.removesuffix("s")))
    if plan.index_scan is None and condition.scan is not None:
        return plan._replace(index_scan=condition.scan)
    return plan._replace(residual=plan.residual & condition.q)


class EventList(ListPanels, ChangeList):
    """The list of events, found by the search language and paged without counting."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        """Return the events that the filters and the search find."""
        self.page_params = {name: request.GET.get(name, "") for name in PAGE_PARAMETERS}
        self.kind = kind_of(request, self.page_params[KIND_VAR])
        self.page_params[KIND_VAR] = "" if self.kind == "both" else self.kind
        for name in (*PAGE_PARAMETERS, *DATE_PARAMETERS):
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        filters = {name: v for name, v in self.filter_params.items() if name != SEARCH_VAR}
        if any(map(UNSTORABLE.search, chain(filters, *filters.values()))):
            raise IncorrectLookupParameters
        query = query_of(request.GET)
        self._unfiltered = reader(self.root_queryset, ())
        self.search = self._unfiltered.parse(query)
        self.plan = plan_of_kind(self.search.plan, self.kind)
        self.query = ""  # Django's own search is skipped, because the pages run the query plan
        try:
            self.events = super().get_queryset(request, exclude_parameters)
        finally:
            self.query = query
        try:
            self.reader = reader(self.events, ())
        except InvalidSearch as error:
            messages.error(request, str(error))  # because Django's page does not say why
            raise IncorrectLookupParameters(str(error)) from error
        # Without ``extra``, because an admin action loads every event and ``extra`` may be large.
        return self.events.filter(self.plan.condition).defer("extra")

    def url_for_result(self, result: Any) -> str:
        """Return the address of an event's page, with its time."""
        before, after = self._around_key
        return f"{before}{quote(result.pk)}{after}?{time_parameter(result.timestamp)}"

    @cached_property
    def _around_key(self) -> tuple[str, str]:
        """Return an event's address before and after its key, found once for all rows."""
        address = event_page_path(self.model_admin.admin_site.name, PLACEHOLDER_KEY)
        before, _, after = address.partition(str(PLACEHOLDER_KEY))
        return before, after

    def apply_select_related(self, qs: Any) -> Any:
        """Join the related rows, or load them separately if another database has them."""
        names = self.list_select_related
        if isinstance(names, bool):
            return super().apply_select_related(qs)
        return with_relations(qs, *names)

    def get_results(self, request: HttpRequest) -> None:
        """Read one page."""
        try:
            self.page_address = request.build_absolute_uri(request.path)
        except DisallowedHost:  # on a site without CommonMiddleware
            self.page_address = request.path
        # The columns link to this list. A copy, because all requests share the ModelAdmin.
        own_admin: Any = copy(self.model_admin)
        own_admin.narrowed_to = self.narrowed_to
        self.model_admin = own_admin
        step = self.page_params[SCAN_VAR]
        self.scan_step = min(int(step), MAX_SCAN_STEP) if re.fullmatch(r"\d{1,2}", step) else 0
        self.page = self._page()
        self.result_list = self.page.events
        self.result_count = len(self.page.events)
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = self.multi_page = False
        self.paginator = self.model_admin.get_paginator(
            request, self.result_list, self.list_per_page
        )

    def _page(self) -> Page:
        read = partial(
            self.reader.page,
            self.plan,
            self.list_per_page,
            older=Cursor.read(self.page_params[OLDER_VAR]),
            newer=Cursor.read(self.page_params[NEWER_VAR]),
            scan_limit=SCAN_LIMIT * SCAN_LIMIT_FACTOR**self.scan_step,
        )
        if not self._has_filters:
            return read()
        try:
            with transaction.atomic(using=self.events.db):
                return read()
        except Exception as error:  # as Django does for a filter that it cannot apply
            raise IncorrectLookupParameters(error) from error

    @property
    def _has_filters(self) -> bool:
        """True if the address has more filters than the search."""
        return bool(self.filter_params.keys() - {SEARCH_VAR})

    @property
    def is_narrowed(self) -> bool:
        """True if the list may leave events out."""
        newer, older = self.page_params[NEWER_VAR], self.page_params[OLDER_VAR]
        return bool(self.filter_params or newer or older)

    @property
    def has_restriction(self) -> bool:
        """True if stored counts do not apply, because they cover all events."""
        return self._unfiltered.is_restricted or self._has_filters

    # Counts

    def how_many(self) -> tuple[str, int]:
        """Return the number of events, after a word that says how exact it is."""
        if not (self.page.newer or self.page.older or self.page.scanned_until):
            return "exactly", len(self.page.events)
        limit = MAX_COUNTED_EVENTS
        if not any(self.plan) and not self.has_restriction:
            estimate = self.reader.estimate()
            if estimate > MAX_COUNTED_EVENTS * 10:
                return "about", estimate
            limit += estimate * 10
        count = self.reader.count(self.plan, limit)
        if count is None:
            return self.count_of_chart()
        return ("more", limit) if count > limit else ("exactly", count)

    def bounds(self) -> tuple[Any, Any]:
        """Return the first time of the search and the end of its period; None for no bound."""
        bounds = [
            cast("tuple[str, Any]", bound)
            for term, found in self.search.conditions.items()
            if term.key in BOUNDS and term in self.search.terms
            for bound in found.q.children
        ]
        starts = [moment for bound, moment in bounds if bound == "timestamp__gte"]
        ends = [moment for bound, moment in bounds if bound == "timestamp__lt"]
        return max(starts, default=None), min(ends, default=None)

    def period(self) -> tuple[Any, Any]:
        """Return start and end of the period of the search, by default the last 30 days."""
        start, end = self.bounds()
        end = timezone.now() if end is None else end
        earliest = EARLIEST if timezone.is_aware(end) else EARLIEST.replace(tzinfo=None)
        default = max(end, earliest + DEFAULT_PERIOD) - DEFAULT_PERIOD
        return default if start is None else start, end

    def actions(self) -> Sequence[Choice]:
        """Return the actions of the period, the most frequent first."""
        chosen: set[Node] = {t for t in self.search.terms if t.key == "action"}
        return [
            self._choice(Term("action", name), name, chosen)._replace(events=count)
            for name, count in self._action_counts.counts.most_common()
        ]

    @cached_property
    def _action_counts(self) -> ActionCounts:
        return self._unfiltered.actions(*self.period())

    @property
    def counted_newest(self) -> int | None:
        """The number of newest events whose actions were counted; None if all were counted."""
        return self._action_counts.counted_newest

    @property
    def uncounted_hours(self) -> int:
        """The number of hours of the period that are not counted yet."""
        return self._action_counts.uncounted_hours
