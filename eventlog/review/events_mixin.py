"""The mixin that links the pages of a project's objects to their events."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.template.loader import select_template

from . import links

CHANGE_FORM = "admin/change_form.html"


class EventsMixin:
    """A mixin for any ``ModelAdmin``, with a button to the events of an object."""

    change_form_template: ClassVar[Any] = "admin/eventlog/change_form_with_events.html"

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj = context.get("original")
        if obj is not None and request.user.has_perm("eventlog.view_log"):
            site = self.admin_site.name  # type: ignore[attr-defined]
            context["events_of"] = links.addresses_of(obj, site)
        context["events_extend"] = select_template(self._change_form_templates())
        return super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc,no-any-return]

    def _change_form_templates(self) -> list[str]:
        """Return the templates that Django would use, for ours to extend."""
        opts = self.opts  # type: ignore[attr-defined]
        own = f"admin/{opts.app_label}"
        return [f"{own}/{opts.model_name}/change_form.html", f"{own}/change_form.html", CHANGE_FORM]
