"""Where staff read what happened. Nothing here counts, or sorts by what has no index."""

import json
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from .models import Log, LogQuerySet

CAP = 10_000  # events within reach of the page numbers; counting further takes ever longer
EMPTY = "-"

REQUEST_FACTS = (
    "method", "path", "query", "route", "view", "status", "duration_ms", "referer", "exception",
    "request_id",
)  # fmt: skip
CLIENT_FACTS = ("ip", "browser", "os", "device", "device_type", "ua")


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
    PERIODS = {
        "hour": (_("Last hour"), timedelta(hours=1)),
        "day": (_("Last 24 hours"), timedelta(days=1)),
        "week": (_("Last 7 days"), timedelta(days=7)),
        "month": (_("Last 30 days"), timedelta(days=30)),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(key, label) for key, (label, _length) in self.PERIODS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Log]) -> QuerySet[Log]:
        if (key := self.value()) not in self.PERIODS:
            return queryset
        return queryset.filter(timestamp__gte=timezone.now() - self.PERIODS[key][1])


class WhoFilter(admin.SimpleListFilter):
    title = _("kind of user")
    parameter_name = "who"

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
    fieldsets = (
        (None, {"fields": ("when_exactly", "who_linked", "action", "to_linked")}),
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
        context = (extra_context or {}) | {"is_nav_sidebar_enabled": False}
        return super().changelist_view(request, context)

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
        local = (
            timezone.localtime(event.timestamp)
            if timezone.is_aware(event.timestamp)
            else (event.timestamp)
        )
        return format_html(
            '<time datetime="{}" title="{}">{}</time>',
            event.timestamp.isoformat(),
            f"{local.isoformat(' ', 'milliseconds')} {local.tzname() or ''}".strip(),
            f"{date_format(local, 'M j')} {local:%H:%M:%S}",
        )

    @admin.display(description=_("Who"))
    def who(self, event: Log) -> SafeString:
        if event.user_id is None:
            return format_html('<span class="quiet">{}</span>', event.user_repr or _("anonymous"))
        return _narrow(_user_name(event), user=event.user_id)

    @admin.display(description=_("Action"))
    def what(self, event: Log) -> SafeString:
        return _narrow(event.action, action=event.action)

    @admin.display(description=_("Object"))
    def to(self, event: Log) -> SafeString | str:
        name = _shorten(event.object_name, 60)
        address = _admin_page(event.content_type_id, event.object_id)
        if not name or address is None:
            return name or EMPTY
        return format_html('<a href="{}">{}</a>', address, name)

    @admin.display(description=_("Request"))
    def request_line(self, event: Log) -> SafeString | str:
        facts = _facts(event)
        if "path" not in facts:
            return EMPTY
        status = facts.get("status")
        took = facts.get("duration_ms")
        return format_html(
            '<span class="method">{}</span> <bdi title="{}">{}</bdi>{}{}',
            facts.get("method", ""),
            facts["path"],
            _shorten(facts["path"], 60),
            ""
            if status is None
            else format_html(' → <span class="status s{}">{}</span>', str(status)[:1], status),
            ""
            if took is None
            else format_html(' <span class="quiet">· {} ms</span>', _round(took)),
        )

    @admin.display(description=_("Address"))
    def address(self, event: Log) -> str:
        return str(_facts(event).get("ip", EMPTY))

    @admin.display(description=_("Client"))
    def client(self, event: Log) -> SafeString | str:
        facts = _facts(event)
        kind = facts.get("device_type")
        if kind is None:
            return EMPTY
        parts = [facts.get("browser"), facts.get("os")]
        name = " · ".join(str(part) for part in parts if part and part != "Other")
        return format_html(
            '<span class="kind {}">{}</span> <span title="{}">{}</span>',
            kind if kind in ("pc", "mobile", "tablet", "bot") else "other",
            kind,
            facts.get("ua", ""),
            _shorten(name, 44),
        )

    @admin.display(description=_("Time"))
    def when_exactly(self, event: Log) -> str:
        if timezone.is_naive(event.timestamp):
            return event.timestamp.isoformat(" ", "milliseconds")
        local = timezone.localtime(event.timestamp)
        return f"{local.isoformat(' ', 'milliseconds')} {local.tzname()}"

    @admin.display(description=_("Who"))
    def who_linked(self, event: Log) -> SafeString | str:
        if event.user_id is None:
            return event.user_repr or str(_("anonymous"))
        user = get_user_model()._meta
        name = _user_name(event)
        page = _page(user.app_label, user.model_name, event.user_id)
        linked = format_html('<a href="{}">{}</a>', page, name) if page else name
        return format_html("{} · {}", linked, _narrow(_("all events"), user=event.user_id))

    @admin.display(description=_("Object"))
    def to_linked(self, event: Log) -> SafeString | str:
        if event.object_id is None:
            return EMPTY
        history = _narrow(
            _("all events"), content_type=event.content_type_id, object_id=event.object_id
        )
        return format_html("{} · {}", self.to(event), history)

    @admin.display(description="")
    def request_facts(self, event: Log) -> SafeString | str:
        return _table(event, REQUEST_FACTS)

    @admin.display(description="")
    def client_facts(self, event: Log) -> SafeString | str:
        return _table(event, CLIENT_FACTS)

    @admin.display(description="")
    def extra_json(self, event: Log) -> SafeString:
        text = json.dumps(event.extra, indent=2, ensure_ascii=False, sort_keys=True)
        return format_html('<pre class="json">{}</pre>', text)


def _facts(event: Log) -> Mapping[str, Any]:
    return event.extra if isinstance(event.extra, dict) else {}


def _user_name(event: Log) -> str:
    # Rows from pinax-eventlog have no name of their own; the user was selected with them.
    return event.user_repr or str(event.user or event.user_name)


def _narrow(text: Any, **values: Any) -> SafeString:
    """A link to the events that have these values in common."""
    query = urlencode({f"{key}__exact": value for key, value in values.items()})
    return format_html(
        '<a href="{}?{}">{}</a>', reverse("admin:eventlog_log_changelist"), query, text
    )


def _admin_page(content_type_id: int | None, object_id: str | None) -> str | None:
    if content_type_id is None or object_id is None:
        return None
    kind = ContentType.objects.get_for_id(content_type_id)  # from memory after the first
    return _page(kind.app_label, kind.model, object_id)


def _page(app_label: str, model: str | None, pk: Any) -> str | None:
    try:
        return reverse(f"admin:{app_label}_{model}_change", args=[pk])
    except NoReverseMatch:  # that model has no admin
        return None


def _shorten(text: Any, most: int) -> str:
    text = str(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _round(milliseconds: Any) -> Any:
    return round(milliseconds) if isinstance(milliseconds, int | float) else milliseconds


def _table(event: Log, keys: tuple[str, ...]) -> SafeString | str:
    facts = _facts(event)
    rows = [(key, facts[key]) for key in keys if key in facts]
    if not rows:
        return EMPTY
    return format_html(
        '<table class="facts">{}</table>',
        format_html_join("", '<tr><th scope="row">{}</th><td><bdi>{}</bdi></td></tr>', rows),
    )
