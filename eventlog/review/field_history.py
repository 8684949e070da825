"""The values that one field of an object had over time, from the changes of its events."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ..models import Log
from . import changed_fields, html, links
from .reader import Reader
from .search.tree import Term

MAX_EXAMINED_EVENTS = 500  # of the object, the newest


class FieldChange(NamedTuple):
    """One change of the field."""

    pk: int
    timestamp: datetime
    user_id: Any
    user_repr: str
    action: str
    old: Any
    new: Any


class FieldHistory:
    """The changes of one field among the newest events of an object."""

    max_examined_events = MAX_EXAMINED_EVENTS

    def __init__(self, event: Log, field: str, reader: Reader, site: str) -> None:
        self.event = event
        self.field = field
        self.site = site
        examined = reader.changes_of(event, field, MAX_EXAMINED_EVENTS)
        self.is_cut = len(examined) == MAX_EXAMINED_EVENTS
        self.values = [
            FieldChange(*row, *pair) for *row, text in examined if (pair := _pair(text)) is not None
        ]

    def table(self) -> SafeString:
        """Return the changes as a table, the newest first."""
        return changed_fields.differences_table(
            _("Time and user"),
            (
                (
                    self._label(each),
                    changed_fields.field_difference_cells(
                        self.event, self.field, each.old, each.new
                    ),
                )
                for each in self.values
            ),
        )

    def _label(self, value: FieldChange) -> SafeString:
        moment = html.exact_time(value.timestamp)
        name = value.user_repr
        if not name and value.user_id is not None:
            name = _("user %(key)s") % {"key": value.user_id}
        time = html.link_if_address(
            moment, links.event_address(self.site, value.pk, value.timestamp)
        )
        return format_html(
            '{} <span class="quiet">{}</span>', time, " · ".join(filter(None, [name, value.action]))
        )

    @property
    def search_address(self) -> str:
        """The address of the list with all events that changed the field."""
        term = links.object_term(self.event)
        changed = Term("changed", self.field)
        return links.list_address(self.site, *([term] if term else []), changed)


def _pair(text: str | None) -> Sequence[Any] | None:
    try:
        pair = json.loads(text) if text else None
    except ValueError:  # text that the application has stored
        return None
    return pair if isinstance(pair, list) and len(pair) == 2 else None
