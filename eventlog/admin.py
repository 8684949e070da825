"""Where staff read what happened. Nothing here counts, or sorts by what has no index."""

import json
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from .admin_facts import (
    CLIENT_FACTS,
    EMPTY,
    REQUEST,
    REQUEST_FACTS,
    EventList,
    facts,
    linked,
    narrow,
    object_page,
    same_request,
    shorten,
    status_shown,
    table,
    user_name,
    user_page,
)
from .models import Log, LogQuerySet

CAP = 10_000  # events within reach of the page numbers; counting further takes ever longer


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # no generic at run time
    """Counts no further than ``CAP``, so that a list costs the same at any size of the table."""

    @cached_property
    def count(self) -> int:
        events = self.object_list
        assert isinstance(events, QuerySet)
        return events.order_by()[:CAP].count()


class PeriodFilter(admin.SimpleListFilter):
    title = _("time")
    parameter_name = "period"
    template = "admin/eventlog/log/filter.html"
    PERIODS = {
        "hour": (_("Last hour"), timedelta(hours=1)),
        "day": (_("24 hours"), timedelta(days=1)),
        "week": (_("7 days"), timedelta(days=7)),
        "month": (_("30 days"), timedelta(days=30)),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(key, label) for key, (label, _length) in self.PERIODS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Log]) -> QuerySet[Log]:
        if (key := self.value()) not in self.PERIODS:
            return queryset
        return queryset.filter(timestamp__gte=timezone.now() - self.PERIODS[key][1])


class WhoFilter(admin.SimpleListFilter):
    title = _("who")
    parameter_name = "who"
    template = "admin/eventlog/log/filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("user", _("Logged in")), ("anonymous", _("Anonymous"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Log]) -> QuerySet[Log]:
        if self.value() not in ("user", "anonymous"):
            return queryset
        return queryset.filter(user__isnull=self.value() == "anonymous")


@admin.register(Log)
class LogAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # no generic at run time
    """One line an event; a click on a value narrows the list to it."""

    list_display = ("when", "who", "what", "to", "request_line", "address", "client")
    list_display_links = ("when",)
    list_filter = (PeriodFilter, WhoFilter)
    list_per_page = 100
    list_select_related = ("user",)
    list_max_show_all = 100
    paginator = CappedPaginator
    search_fields = ("action",)
    search_help_text = _("A user's name, or an action; LOGIN* for all that begin so.")
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

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # The width goes to the events; the way to other models is in the breadcrumbs.
        title = capfirst(self.opts.verbose_name_plural)
        context = {"title": title, "is_nav_sidebar_enabled": False} | (extra_context or {})
        return super().changelist_view(request, context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        title = str(context["original"])
        context |= {"title": title, "subtitle": None, "is_nav_sidebar_enabled": False}
        return super().render_change_form(request, context, *args, **kwargs)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[EventList]:
        return EventList

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Of what is in ``extra``, only the request may be asked for; the rest has no bounds."""
        if lookup.startswith("extra"):
            return lookup == REQUEST
        return super().lookup_allowed(lookup, value, request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Log], search_term: str
    ) -> tuple[QuerySet[Log], bool]:
        """Ask the two indexes that a word can mean: the user's and the action's."""
        if term := search_term.strip():
            users = get_user_model()._default_manager.filter(
                **{get_user_model().USERNAME_FIELD: term}
            )
            wanted = Q(user__in=[user.pk for user in users[:10]])
            if term.endswith("*"):
                wanted |= Q(action__startswith=term[:-1])
            else:
                wanted |= Q(action=term)
            assert isinstance(queryset, LogQuerySet)
            queryset = queryset.filter(wanted)
        return queryset, False

    @admin.display(description=_("Time"))
    def when(self, event: Log) -> SafeString:
        local = _local(event.timestamp)
        pattern = "M j H:i:s" if local.year == timezone.now().year else "Y-m-d H:i"
        return format_html(
            '<time datetime="{}" title="{}">{}</time>',
            event.timestamp.isoformat(),
            _exactly(event.timestamp),
            date_format(local, pattern),
        )

    @admin.display(description=_("Who"))
    def who(self, event: Log) -> SafeString:
        if event.user_id is None:
            return format_html('<span class="quiet">{}</span>', event.user_repr or _("anonymous"))
        return narrow(user_name(event), user__exact=event.user_id)

    @admin.display(description=_("Action"))
    def what(self, event: Log) -> SafeString:
        return narrow(event.action, action__exact=event.action)

    @admin.display(description=_("Object"))
    def to(self, event: Log) -> SafeString | str:
        return linked(shorten(event.object_name, 60), object_page(event)) or EMPTY

    @admin.display(description=_("Request"))
    def request_line(self, event: Log) -> SafeString:
        known = facts(event)
        if "path" not in known:
            return EMPTY
        status, took = known.get("status"), known.get("duration_ms")
        answer = "" if status is None else format_html("<span> → {}</span>", status_shown(status))
        time = (
            "" if took is None else format_html('<span class="quiet"> · {} ms</span>', _round(took))
        )
        return format_html(
            '<div class="line"><span class="method">{}</span> <bdi title="{}">{}</bdi>{}{}</div>',
            known.get("method", ""),
            known["path"],
            shorten(known["path"], 120),
            answer,
            time,
        )

    @admin.display(description=_("Address"))
    def address(self, event: Log) -> SafeString:
        ip = facts(event).get("ip")
        return EMPTY if ip is None else format_html('<span title="{}">{}</span>', ip, ip)

    @admin.display(description=_("Client"))
    def client(self, event: Log) -> SafeString:
        known = facts(event)
        kind = known.get("device_type")
        if kind is None:
            return EMPTY
        parts = [known.get("browser"), known.get("os")]
        name = " · ".join(str(part) for part in parts if part and part != "Other")
        return format_html(
            '<span class="kind {}">{}</span> <span title="{}">{}</span>',
            kind if kind in ("pc", "mobile", "tablet", "bot") else "other",
            kind,
            known.get("ua", ""),
            shorten(name, 44),
        )

    @admin.display(description="")
    def event_facts(self, event: Log) -> SafeString:
        who: SafeString | str = event.user_repr or str(_("anonymous"))
        to: SafeString | str = EMPTY
        if event.user_id is not None:
            alike = narrow(_("all events"), user__exact=event.user_id)
            who = format_html("{} · {}", linked(user_name(event), user_page(event)), alike)
        if event.object_id is not None:
            alike = narrow(
                _("all events"),
                content_type__exact=event.content_type_id,
                object_id__exact=event.object_id,
            )
            to = format_html("{} · {}", self.to(event), alike)
        what = format_html(
            "{} · {}", event.action, narrow(_("all events"), action__exact=event.action)
        )
        return table(
            [
                (_("Time"), _exactly(event.timestamp)),
                (_("Who"), who),
                (_("Action"), what),
                (_("Object"), to),
            ]
        )

    @admin.display(description="")
    def request_facts(self, event: Log) -> SafeString:
        known = dict(facts(event))
        if "status" in known:
            known["status"] = status_shown(known["status"])
        if alike := same_request(event):
            known["request_id"] = format_html("{} · {}", known["request_id"], alike)
        return table((label, known[key]) for key, label in REQUEST_FACTS.items() if key in known)

    @admin.display(description="")
    def client_facts(self, event: Log) -> SafeString:
        known = facts(event)
        return table((label, known[key]) for key, label in CLIENT_FACTS.items() if key in known)

    @admin.display(description="")
    def extra_json(self, event: Log) -> SafeString:
        text = json.dumps(event.extra, indent=2, ensure_ascii=False, sort_keys=True)
        return format_html('<pre class="json">{}</pre>', text)


def _local(moment: datetime) -> datetime:
    return timezone.localtime(moment) if timezone.is_aware(moment) else moment


def _exactly(moment: datetime) -> str:
    local = _local(moment)
    return f"{local.isoformat(' ', 'milliseconds')} {local.tzname() or ''}".strip()


def _round(milliseconds: Any) -> Any:
    return round(milliseconds) if isinstance(milliseconds, int | float) else milliseconds
