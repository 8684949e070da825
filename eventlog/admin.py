"""The admin of events, whose queries all use an index and whose lists are not counted."""

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.db import router, transaction
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    QueryDict,
)
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from . import access, review
from .api import log
from .mixins import LogViewsMixin
from .models import Log
from .models.relations import leads_apart
from .review import links
from .review.event_admin import EventPage
from .review.events_mixin import EventsMixin
from .review.list_columns import ListColumns
from .review.parameters import COLUMNS_VAR, SELECT_VAR
from .review.restriction import guard_views
from .review.saved_searches import (
    MAY_SHARE,
    SavedSearchesMixin,
    default_address,
    saved_searches,
)

if TYPE_CHECKING:
    from .review.changelist import EventList
    from .review.export.formats import Chunks

MAX_DESCRIBED_EVENTS = 20  # of a deletion, in its own event
COUNTING_SECONDS = 1.0  # of a visit to the overview; eventlog_count counts the remaining hours


def _described(event: Log) -> dict[str, Any]:
    """Return what a deleted event was, without names of persons, which an erasure would miss."""
    term = links.object_term(event)
    described = {
        "id": event.pk,
        "time": event.timestamp,
        "action": event.action,
        "user_key": event.user_id,
        "object": term and term.value,
    }
    return {name: value for name, value in described.items() if value is not None}


@admin.register(Log)
class LogAdmin(SavedSearchesMixin, ListColumns, EventPage):
    """The list, the pages, the overview and the export of events."""

    list_display = ("when", "who", "what", "to", "request_line", "address", "client")
    list_display_links = ("when",)
    list_per_page = 100
    list_select_related = ("user",)
    search_fields = ("action",)
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    actions_on_top = False  # because deleting is rare
    actions_on_bottom = True

    class Media:
        css = {"all": ("eventlog/themes.css", "eventlog/admin.css", "eventlog/list.css")}

    def get_urls(self) -> list[URLPattern]:
        wrap: Callable[..., Any] = self.admin_site.admin_view
        patterns = [
            path("overview/", wrap(self.overview_view), name="eventlog_log_overview"),
            path("export/<slug:kind>/", wrap(self.export_view), name="eventlog_log_export"),
            path("<path:object_id>/field/", wrap(self.field_view), name="eventlog_log_field"),
            *self.saved_search_urls(),
            *super().get_urls(),
        ]
        return guard_views(patterns, self.admin_site)

    # The list

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if (address := default_address(request)) is not None:
            return HttpResponseRedirect(address)
        # Without the sidebar, because the list needs its width.
        context = {
            "saved_searches": saved_searches(request),
            "may_share": request.user.has_perm(MAY_SHARE),
            "title": capfirst(self.opts.verbose_name_plural),
            "is_nav_sidebar_enabled": False,
            "formats": list(review.formats.FORMATS),
            "has_actions": self.has_actions(request),
        } | (extra_context or {})
        response = super().changelist_view(request, context)
        access.record_view(request, response, "list", review.changelist.query_of(request.GET))
        return response

    def get_list_display(self, request: HttpRequest) -> Any:
        """Return the columns that the address names; the default ones without."""
        chosen = review.chosen_columns.columns_of(request.GET.get(COLUMNS_VAR, ""))
        return chosen or super().get_list_display(request)

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> Any:
        """Return actions of the list in selection mode only, because the checkboxes need room."""
        is_list = action_location is None or action_location.name == "CHANGE_LIST"
        if is_list and request.method == "GET" and not request.GET.get(SELECT_VAR):
            return {}
        return self._actions(request, action_location)

    def _actions(self, request: HttpRequest, action_location: Any = None) -> Any:
        if not review.reader.reader().has_rows:  # actions get a queryset
            return {}
        # Before Django 6.1, the method has no second parameter.
        more = {} if action_location is None else {"action_location": action_location}
        return super().get_actions(request, **more)

    def has_actions(self, request: HttpRequest) -> bool:
        """Return whether this person can do anything with selected events."""
        return bool(self._actions(request))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Return what a deletion deletes; events under legal hold prevent it."""
        # Here, because a server starts faster without the modules of retention (benchmarks.start).
        from .retention.held_events import held_among  # noqa: PLC0415

        *found, protected = super().get_deleted_objects(objs, request)
        return *found, [*protected, *held_among(objs)]

    def delete_model(self, request: HttpRequest, obj: Log) -> None:
        with transaction.atomic(using=router.db_for_write(Log)):
            deleted = [_described(obj)]
            super().delete_model(request, obj)
            self._record_deletion(request, 1, deleted)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Log]) -> None:
        with transaction.atomic(using=router.db_for_write(Log)):
            count = queryset.count()
            deleted = [_described(event) for event in queryset[:MAX_DESCRIBED_EVENTS]]
            super().delete_queryset(request, queryset)
            self._record_deletion(request, count, deleted)

    def _record_deletion(
        self, request: HttpRequest, count: int, deleted: list[dict[str, Any]]
    ) -> None:
        # In the transaction of the deletion, so that both happen or neither.
        if access.is_enabled("delete"):
            search = access.shortened_search(review.changelist.query_of(request.GET))
            extra = {"count": count, "search": search, "deleted": deleted}
            log(request.user, access.ACTIONS["delete"], extra, request=request)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> "type[EventList]":
        return review.changelist.EventList

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Refuse lookups into ``extra``, because the search box has them and uses the indexes."""
        if lookup.startswith("extra") or leads_apart(lookup):
            return False
        return super().lookup_allowed(lookup, value, request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Log], search_term: str
    ) -> tuple[QuerySet[Log], bool]:
        return queryset.filter(review.query.Search.parse(search_term).plan.condition), False

    def export_view(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """Stream all events of the list as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if kind not in review.formats.FORMATS:
            raise Http404
        try:
            changes = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return self._export_nothing(
                request, _("Nothing was exported, because a filter is not valid.")
            )
        assert isinstance(changes, review.changelist.EventList)
        if changes.search.errors:
            reason = _("Nothing was exported, because the search has an error.")
            return self._export_nothing(request, reason, request.GET.urlencode())
        exporting = access.RecordedOperation(
            "export", _exported(kind, changes), user=request.user, request=request
        )
        events = changes.reader.chunks(changes.plan)
        return review.formats.response(request, kind, _recorded(exporting, kind, events))

    def _export_nothing(self, request: HttpRequest, reason: Any, query: str = "") -> HttpResponse:
        """Return to the list, which shows the reason."""
        self.message_user(request, reason, messages.ERROR)
        address = reverse(links.LIST, current_app=self.admin_site.name)
        return HttpResponseRedirect(f"{address}?{query}" if query else address)

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the page of an event."""
        response = super().change_view(request, *args, **kwargs)
        filters = QueryDict(request.GET.get("_changelist_filters", ""))
        access.record_view(request, response, "event", review.changelist.query_of(filters))
        return response

    # The overview

    # Not in one transaction, because writers must see the counted hours to mark them as stale.
    @transaction.non_atomic_requests
    def overview_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        request.current_app = site = self.admin_site.name
        period, by = request.GET.get("period", ""), request.GET.get("by", "")
        shown = period, by, site, self.reader(request), request.GET.get("q", "")
        overview = review.dashboard.Overview(*shown)
        if overview.refresh(COUNTING_SECONDS):
            overview = review.dashboard.Overview(*shown)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Overview"),
            "opts": self.opts,
            "is_nav_sidebar_enabled": False,
            "overview": overview,
            "media": self.media,
        }
        response = TemplateResponse(request, "admin/eventlog/log/overview.html", context)
        access.record_view(request, response, "overview", request.GET.get("q", ""))
        return response


def _exported(kind: str, changes: "EventList") -> dict[str, str]:
    """Return which events of the list are exported."""
    filters = {name: v for name, v in changes.filter_params.items() if name != SEARCH_VAR}
    facts = {"format": kind, "search": access.shortened_search(changes.query), "show": changes.kind}
    return facts | (
        {"filters": access.shortened_search(urlencode(filters, True))} if filters else {}
    )


def _recorded(exporting: access.RecordedOperation, kind: str, events: "Chunks") -> Generator[bytes]:
    """Yield the file, and record the export when it starts and when it ends."""
    with exporting:
        yield from review.formats.FORMATS[kind].write(exporting.counted(events))


__all__ = ["EventsMixin", "LogAdmin", "LogViewsMixin"]
