"""Where staff read what happened. Nothing here counts, or sorts by what has no index."""

import json
from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.db import transaction
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    QueryDict,
    StreamingHttpResponse,
)
from django.template.loader import select_template
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .models import Log, LogQuerySet
from .review import export, shown
from .review.around import around, neighbours, of_same_request
from .review.counts import roll_all
from .review.listing import EventList, query_of
from .review.overview import PERIODS, Overview
from .review.search import Search, Term
from .review.shown import (
    CLIENT_FACTS,
    EMPTY,
    REQUEST_FACTS,
    facts,
    link,
    linked,
    table,
    with_all_events,
)

CHANGE_FORM = "admin/change_form.html"
PATIENCE = 1.0  # seconds that a visit of the overview counts hours; the command counts the rest


@admin.register(Log)
class LogAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # no generic at run time
    """One line an event; a click on a value narrows the list to it."""

    list_display = ("when", "who", "what", "to", "request_line", "address", "client")
    list_display_links = ("when",)
    list_per_page = 100
    list_select_related = ("user",)
    search_fields = ("action",)
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    actions_on_top = False  # deleting is rare, and the place above the list is for reading
    actions_on_bottom = True
    fieldsets = (
        (None, {"fields": ("event_facts",)}),
        (_("Request"), {"fields": ("request_facts",)}),
        (_("Client"), {"fields": ("client_facts",)}),
        (_("All that was recorded"), {"fields": ("extra_json",)}),
    )

    class Media:
        css = {"all": ("eventlog/admin.css",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Log | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        wrap: Callable[..., Any] = self.admin_site.admin_view
        return [
            path("overview/", wrap(self.overview_view), name="eventlog_log_overview"),
            path("export/<slug:kind>/", wrap(self.export_view), name="eventlog_log_export"),
            *super().get_urls(),
        ]

    # The list

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # The width goes to the events; the way to other models is in the breadcrumbs.
        context = {
            "title": capfirst(self.opts.verbose_name_plural),
            "is_nav_sidebar_enabled": False,
            "formats": list(export.FORMATS),
        } | (extra_context or {})
        return super().changelist_view(request, context)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[EventList]:
        return EventList

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """What is in ``extra`` is asked for in the search box, which knows the indexes."""
        return not lookup.startswith("extra") and super().lookup_allowed(lookup, value, request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Log], search_term: str
    ) -> tuple[QuerySet[Log], bool]:
        return queryset.filter(Search.parse(search_term).wanted.condition), False

    def export_view(self, request: HttpRequest, kind: str) -> HttpResponse | StreamingHttpResponse:
        """The events of the list, all of them, as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if kind not in export.FORMATS:
            raise Http404
        content_type, write = export.FORMATS[kind]
        changes = self.get_changelist_instance(request)
        assert isinstance(changes, EventList)
        if changes.search.misunderstood:  # the list says what; a file could not
            said = _("Nothing was exported: not all of the search was understood.")
            self.message_user(request, said, messages.ERROR)
            address = reverse(shown.LIST, current_app=self.admin_site.name)
            return HttpResponseRedirect(f"{address}?{request.GET.urlencode()}")
        pieces = write(export.chunks(changes.events, changes.search.wanted))
        return StreamingHttpResponse(
            export.in_async(pieces) if isinstance(request, ASGIRequest) else pieces,
            content_type=content_type,
            headers={"Content-Disposition": f'attachment; filename="events.{kind}"'},
        )

    # The overview

    # In a transaction of the whole request, nobody would see meanwhile which hours are counted, and
    # mark those that change.
    @transaction.non_atomic_requests
    def overview_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        request.current_app = site = self.admin_site.name
        overview = Overview(request.GET.get("period", ""), request.GET.get("by", ""), site)
        if overview.tally.missing:
            list(roll_all(overview.tally.missing, PATIENCE))
            overview = Overview(overview.period, overview.by, site)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Overview"),
            "opts": self.opts,
            "is_nav_sidebar_enabled": False,
            "overview": overview,
            "periods": PERIODS,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/eventlog/log/overview.html", context)

    # One event

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        event: Log = context["original"]
        events = self.get_queryset(request)
        assert isinstance(events, LogQuerySet)
        events = events.select_related("user")
        asked = request.GET.get("_changelist_filters", "")
        beside = neighbours(event, events, Search.parse(query_of(QueryDict(asked))))
        context |= {
            "title": str(event),
            "subtitle": None,
            "is_nav_sidebar_enabled": False,
            "newer": self._page_of(beside.newer, asked),
            "older": self._page_of(beside.older, asked),
            "same_request": of_same_request(event, events),
            "around": around(event, events),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def _page_of(self, event: Log | None, asked: str = "") -> str | None:
        if event is None:
            return None
        site = self.admin_site.name
        address = reverse("admin:eventlog_log_change", args=[event.pk], current_app=site)
        return f"{address}?{urlencode({'_changelist_filters': asked})}" if asked else address

    # Its columns

    narrowed_to: Callable[[Term], str] = staticmethod(shown.query)  # each list has its own

    def action_checkbox(self, obj: Log) -> SafeString:
        """As Django's, which draws a form template for each: a quarter of the page's time."""
        return format_html(
            '<input type="checkbox" name="{}" value="{}" class="action-select" aria-label="{}">',
            ACTION_CHECKBOX_NAME,
            obj.pk,
            gettext("Select this object for an action - {}").format(obj),
        )

    @admin.display(description=_("Time"))
    def when(self, event: Log) -> SafeString:
        return shown.when(event)

    @admin.display(description=_("Who"))
    def who(self, event: Log) -> SafeString:
        if event.user_id is None:
            return format_html('<span class="quiet">{}</span>', event.user_repr or _("anonymous"))
        return link(shown.user_name(event), self.narrowed_to(shown.user_term(event)))

    @admin.display(description=_("Action"))
    def what(self, event: Log) -> SafeString:
        return link(event.action, self.narrowed_to(Term("action", event.action)))

    @admin.display(description=_("Object"))
    def to(self, event: Log) -> SafeString | str:
        if not event.object_name:
            return EMPTY
        name, term = shown.shorten(event.object_name, 60), shown.object_term(event)
        return name if term is None else link(name, self.narrowed_to(term))

    @admin.display(description=_("Request"))
    def request_line(self, event: Log) -> SafeString:
        return shown.request_line(event)

    @admin.display(description=_("Address"))
    def address(self, event: Log) -> SafeString:
        term = shown.ip_term(event)
        return EMPTY if term is None else shown.ip_link(term.value, self.narrowed_to(term))

    @admin.display(description=_("Client"))
    def client(self, event: Log) -> SafeString:
        return shown.client(event)

    # Its page

    @admin.display(description="")
    def event_facts(self, event: Log) -> SafeString:
        site = self.admin_site.name
        who: SafeString | str = event.user_repr or str(_("anonymous"))
        to: SafeString | str = event.object_name or EMPTY
        if event.user_id is not None:
            name = linked(shown.user_name(event), shown.user_page(site, event))
            who = with_all_events(name, shown.user_term(event), site)
        if (term := shown.object_term(event)) is not None:
            name = linked(event.object_name, shown.object_page(site, event))
            to = with_all_events(name, term, site)
        return table(
            [
                (_("Time"), shown.exactly(event.timestamp)),
                (_("Who"), who),
                (_("Action"), with_all_events(event.action, Term("action", event.action), site)),
                (_("Object"), to),
            ]
        )

    @admin.display(description="")
    def request_facts(self, event: Log) -> SafeString:
        known = dict(facts(event))
        if "status" in known:
            known["status"] = shown.status_shown(known["status"])
        if "duration_ms" in known:
            known["duration_ms"] = shown.duration(known["duration_ms"])
        return table((label, known[key]) for key, label in REQUEST_FACTS.items() if key in known)

    @admin.display(description="")
    def client_facts(self, event: Log) -> SafeString:
        known = dict(facts(event))
        if isinstance(ip := known.get("ip"), str):
            known["ip"] = with_all_events(ip, Term("ip", ip), self.admin_site.name)
        return table((label, known[key]) for key, label in CLIENT_FACTS.items() if key in known)

    @admin.display(description="")
    def extra_json(self, event: Log) -> SafeString:
        text = json.dumps(event.extra, indent=2, ensure_ascii=False, sort_keys=True)
        return format_html('<pre class="json">{}</pre>', text)


class EventsMixin:
    """For any ``ModelAdmin``: a button on the page of an object that leads to its events."""

    change_form_template: ClassVar[Any] = "admin/eventlog/change_form_with_events.html"

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj = context.get("original")
        if obj is not None and request.user.has_perm("eventlog.view_log"):
            site = self.admin_site.name  # type: ignore[attr-defined]
            context["events_of"] = shown.addresses_of(obj, site)
        context["events_extend"] = select_template(self._change_form_templates())
        return super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc,no-any-return]

    def _change_form_templates(self) -> list[str]:
        """Those that Django would have looked for: ours goes before them."""
        opts = self.opts  # type: ignore[attr-defined]
        own = f"admin/{opts.app_label}"
        return [f"{own}/{opts.model_name}/change_form.html", f"{own}/change_form.html", CHANGE_FORM]
