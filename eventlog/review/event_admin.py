"""The admin of one event's page."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import flatten
from django.core.exceptions import PermissionDenied, ValidationError
from django.forms import Media, Script
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from .. import review
from ..models import Log
from ..text import UNSTORABLE
from . import html, links
from .parameters import KIND_VAR

if TYPE_CHECKING:
    from .reader import Reader

_SCRIPT: Any = Script("eventlog/copy.js", defer=True)
PAGE_MEDIA = Media(css={"all": ("eventlog/event.css", "eventlog/changes.css")}, js=[_SCRIPT])


class EventPage(admin.ModelAdmin):  # type: ignore[type-arg]  # no generic at run time
    """The page of one event, without a form."""

    fieldsets = (
        (None, {"fields": ("event_facts",)}),
        (_("Changes"), {"fields": ("changed_fields",)}),
        (_("Data"), {"fields": ("own_data",)}),
        (_("What else"), {"fields": ("links_to_related",)}),
        (_("Request"), {"fields": ("request_facts",)}),
        (_("Client"), {"fields": ("client_facts",)}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Log | None = None) -> bool:
        """Return False if the events are not rows of the database, which Django could delete."""
        return super().has_delete_permission(request, obj) and review.reader.reader().has_rows

    def has_change_permission(self, request: HttpRequest, obj: Log | None = None) -> bool:
        return False

    def reader(self, request: HttpRequest) -> "Reader":
        """Return the reader of the events that this person may see."""
        return review.reader.reader(self.get_queryset(request), ["user"])

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: Any = None
    ) -> Log | None:
        """Return the event, with only the request facts of a large ``extra``."""
        try:
            key = self.opts.pk.to_python(object_id)
        except ValidationError:
            return None
        events = self.reader(request)
        place = review.pagination.Cursor.read(f"{request.GET.get(links.TIME_VAR, '')}~{key}")
        at_time = events.event(key, place.timestamp) if place else None
        # Without the right time, such as in an address of an earlier release, by the key alone.
        return at_time or events.event(key)

    def get_fieldsets(self, request: HttpRequest, obj: Log | None = None) -> Any:
        """Return the sections that have something to show."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None:
            return fieldsets
        review.event_page.find_else(obj, self.reader(request), self.admin_site.name)
        empty = review.event_page.empty_sections(obj)
        return [each for each in fieldsets if not empty.issuperset(flatten(each[1]["fields"]))]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        event: Log = context["original"]
        events = self.reader(request)
        filters = request.GET.get("_changelist_filters", "")
        params = QueryDict(filters)
        search = events.parse(review.changelist.query_of(params))
        kind = review.changelist.kind_of(request, params.get(KIND_VAR, ""))
        plan = review.changelist.plan_of_kind(search.plan, kind)
        nearby = events.neighbours(event, plan)
        found = review.event_page.found_else(event)
        context |= {
            "title": html.event_title(event),
            "subtitle": None,
            "is_nav_sidebar_enabled": False,
            "newer": self._address_of(nearby.newer, filters),
            "older": self._address_of(nearby.older, filters),
            "same_request": found.same_request,
            "around": found.around,
            "around_user": found.is_by_user,
            "raw": review.event_page.raw_json(event),
            "media": context["media"] + PAGE_MEDIA,
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def _address_of(self, event: Log | None, filters: str) -> str | None:
        if event is None:
            return None
        return links.event_address(self.admin_site.name, event.pk, event.timestamp, filters)

    def field_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the values that a field of the event's object had over time."""
        event, field = self.get_object(request, object_id), request.GET.get("field", "")
        if not self.has_view_permission(request, event):
            raise PermissionDenied
        is_valid = event is not None and field and not UNSTORABLE.search(field)
        if event is None or not is_valid or links.object_term(event) is None:
            raise Http404
        request.current_app = site = self.admin_site.name
        history = review.field_history.FieldHistory(event, field, self.reader(request), site)
        title = _("%(field)s of %(object)s") % {
            "field": field,
            "object": html.object_in_words(event),
        }
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "is_nav_sidebar_enabled": False,
            "history": history,
            "event_address": links.event_address(site, event.pk, event.timestamp),
            "media": self.media,
        }
        return TemplateResponse(request, "admin/eventlog/log/field_history.html", context)

    # Sections

    @admin.display(description="")
    def event_facts(self, event: Log) -> SafeString:
        return review.event_page.event_table(event, self.admin_site.name)

    @admin.display(description="")
    def changed_fields(self, event: Log) -> SafeString:
        return review.changed_fields.changes_table(event, self.admin_site.name)

    @admin.display(description="")
    def own_data(self, event: Log) -> SafeString:
        return review.event_page.data_table(event, self.admin_site.name)

    @admin.display(description="")
    def links_to_related(self, event: Log) -> SafeString:
        return review.event_page.links_of(event)

    @admin.display(description="")
    def request_facts(self, event: Log) -> SafeString:
        return review.event_page.request_table(event, self.admin_site.name)

    @admin.display(description="")
    def client_facts(self, event: Log) -> SafeString:
        return review.event_page.client_table(event, self.admin_site.name)
