"""The columns of the list of events, as methods of the admin."""

from collections.abc import Callable

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from ..models import Log
from . import html, links
from .fast_html import fast_html
from .html import EMPTY, link
from .search.tree import Term


class ListColumns:
    """The columns of ``LogAdmin``, which a subclass can override."""

    narrowed_to: Callable[[Term], str] = staticmethod(links.list_query)  # EventList overrides it

    def action_checkbox(self, obj: Log) -> SafeString:
        """Return the checkbox without a form template, which takes a quarter of the page's time."""
        return fast_html(
            '<input type="checkbox" name="{}" value="{}" class="action-select" aria-label="{}">',
            ACTION_CHECKBOX_NAME,
            obj.pk,
            gettext("Select this object for an action - {}").format(html.event_title(obj)),
        )

    @admin.display(description=pgettext_lazy("eventlog", "Time"))
    def when(self, event: Log) -> SafeString:
        return html.time_html(event)

    @admin.display(description=pgettext_lazy("eventlog", "User"))
    def who(self, event: Log) -> SafeString:
        label, term = html.user_and_acting_user(event), links.user_term(event)
        if event.user_id is None or term is None:
            return fast_html('<span class="quiet">{}</span>', label) if label else EMPTY
        return link(label, self.narrowed_to(term))

    @admin.display(description=pgettext_lazy("eventlog", "Action"))
    def what(self, event: Log) -> SafeString:
        return link(event.action, self.narrowed_to(Term("action", event.action)))

    @admin.display(description=_("Object"))
    def to(self, event: Log) -> SafeString | str:
        if not event.object_name:
            return EMPTY
        name, term = html.shorten(html.object_in_words(event), 60), links.object_term(event)
        shown = name if term is None else link(name, self.narrowed_to(term))
        return fast_html("<bdi>{}</bdi>", shown)

    @admin.display(description=_("Request"))
    def request_line(self, event: Log) -> SafeString:
        return html.request_line(event)

    @admin.display(description=_("Address"))
    def address(self, event: Log) -> SafeString:
        term = links.ip_term(event)
        return EMPTY if term is None else html.ip_link(term.value, self.narrowed_to(term))

    @admin.display(description=_("Client"))
    def client(self, event: Log) -> SafeString:
        return html.client_html(event)
