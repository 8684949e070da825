"""The admin's list of events: its query, its page and its counts."""

import re
from collections import Counter
from collections.abc import Sequence
from copy import copy
from datetime import timedelta
from functools import partial
from itertools import chain
from typing import Any, cast

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.db import transaction
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.functional import cached_property

from ..counts.period import count_actions
from ..datetimes import EARLIEST
from ..models.relations import select
from ..text import UNSTORABLE
from .choices import Choice
from .links import event_address
from .list_links import (
    KIND_VAR,
    KINDS,
    NEWER_VAR,
    OLDER_VAR,
    PAGE_PARAMETERS,
    SCAN_VAR,
)
from .list_panels import ListPanels
from .pagination import (
    ORDER,
    SCAN_LIMIT,
    SCAN_LIMIT_FACTOR,
    Cursor,
    Page,
    estimate_row_count,
    page,
)
from .restriction import is_restricted
from .search.filters import find
from .search.parser import SyntaxProblem, parse
from .search.plan import QueryPlan, count_up_to
from .search.query import BOUNDS, Search
from .search.tree import Node, Term, all_of

DATE_PARAMETERS = ("from", "to")
KIND_KEY = "eventlog_show"  # of the session
DEFAULT_PERIOD = timedelta(days=30)
MAX_SCAN_STEP = 6
MAX_ACTION_EVENTS = 10_000  # newest events that are read to count actions for restricted staff
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


def of_kind(plan: QueryPlan, kind: str) -> QueryPlan:
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
        self.search = Search.parse(query)
        self.plan = of_kind(self.search.plan, self.kind)
        self.query = ""  # Django's own search is skipped, because the pages run the query plan
        try:
            self.events = super().get_queryset(request, exclude_parameters)
        finally:
            self.query = query
        # Without ``extra``, because an admin action loads every event and ``extra`` may be large.
        return self.events.filter(self.plan.condition).defer("extra")

    def url_for_result(self, result: Any) -> str:
        """Return the address of an event's page, with its time."""
        return event_address(self.model_admin.admin_site.name, result.pk, result.timestamp)

    def apply_select_related(self, qs: Any) -> Any:
        """Join the related rows, or load them separately if another database has them."""
        names = self.list_select_related
        if isinstance(names, bool):
            return super().apply_select_related(qs)
        return select(qs, *names)

    def get_results(self, request: HttpRequest) -> None:
        """Read one page."""
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
            page,
            self.events,
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

    @cached_property
    def _is_restricted(self) -> bool:
        return is_restricted(self.root_queryset)

    @property
    def has_restriction(self) -> bool:
        """True if stored counts do not apply, because they cover all events."""
        return self._is_restricted or self._has_filters

    # Counts

    def how_many(self) -> tuple[str, int]:
        """Return the number of events, and whether it is exact, a minimum or an estimate."""
        if not (self.page.newer or self.page.older or self.page.scanned_until):
            return "exactly", len(self.page.events)
        plan = self.plan
        if plan.residual:
            return "shown", len(self.page.events)
        if plan.index_scan or plan.period or self._has_filters or self._is_restricted:
            events = self.events.filter(plan.period)
            count = count_up_to(MAX_COUNTED_EVENTS, events, plan.index_scan)
            is_more = count > MAX_COUNTED_EVENTS
            return ("more", MAX_COUNTED_EVENTS) if is_more else ("exactly", count)
        estimate = estimate_row_count()
        if estimate > MAX_COUNTED_EVENTS * 10:
            return "about", estimate
        return "exactly", self.queryset.order_by()[: estimate * 10 + MAX_COUNTED_EVENTS].count()

    def period(self) -> tuple[Any, Any]:
        """Return start and end of the period of the search, by default the last 30 days."""
        now = timezone.now()
        bounds = [
            cast("tuple[str, Any]", bound)
            for term, found in self.search.conditions.items()
            if term.key in BOUNDS and term in self.search.terms
            for bound in found.q.children
        ]
        starts = [moment for bound, moment in bounds if bound == "timestamp__gte"]
        ends = [moment for bound, moment in bounds if bound == "timestamp__lt"]
        end = min(ends, default=now)
        earliest = EARLIEST if timezone.is_aware(end) else EARLIEST.replace(tzinfo=None)
        return max(starts, default=max(end, earliest + DEFAULT_PERIOD) - DEFAULT_PERIOD), end

    def actions(self) -> Sequence[Choice]:
        """Return the actions of the period, the most frequent first."""
        counts, _missing = self._action_counts
        chosen: set[Node] = {t for t in self.search.terms if t.key == "action"}
        return [
            self._choice(Term("action", name), name, chosen)._replace(events=count)
            for name, count in counts.most_common()
        ]

    @cached_property
    def _action_counts(self) -> tuple[Counter[str], int]:
        if not self._is_restricted:
            return count_actions(*self.period())
        start, end = self.period()
        events = self.root_queryset.filter(timestamp__gte=start, timestamp__lt=end)
        newest = events.order_by(*ORDER).values_list("action", flat=True)
        return Counter(newest[:MAX_ACTION_EVENTS]), 0

    @property
    def counted_newest(self) -> int | None:
        """The number of newest events whose actions were counted; None if all were counted."""
        counts, _missing = self._action_counts
        is_cut = self._is_restricted and counts.total() == MAX_ACTION_EVENTS
        return MAX_ACTION_EVENTS if is_cut else None

    @property
    def uncounted_hours(self) -> int:
        """The number of hours of the period that are not counted yet."""
        return self._action_counts[1]
