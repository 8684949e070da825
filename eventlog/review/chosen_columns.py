"""The columns of the list that a reader chooses: ``?columns=when,user,extra.order.total``."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ..metadata.fields import FIELDS
from ..models import Log
from .fast_html import fast_html
from .html import EMPTY, shorten

MAX_COLUMNS = 12
MAX_CELL_LENGTH = 60  # characters
EXTRA = "extra."

# The names of columns in an address, and the method of LogAdmin that shows each.
OWN_COLUMNS: Mapping[str, tuple[str, str | Promise]] = {
    "time": ("when", pgettext_lazy("eventlog", "Time")),
    "user": ("who", pgettext_lazy("eventlog", "User")),
    "action": ("what", pgettext_lazy("eventlog", "Action")),
    "object": ("to", _("Object")),
    "request": ("request_line", _("Request")),
    "address": ("address", _("Address")),
    "client": ("client", _("Client")),
}


def columns_of(names: str) -> list[Any]:
    """Return the columns with these names, for ``list_display``; unknown names are left out."""
    found: list[Any] = []
    for name in dict.fromkeys(names.split(",")):
        if name in OWN_COLUMNS:
            found.append(OWN_COLUMNS[name][0])
        elif name in FIELDS:
            found.append(_column(name, FIELDS[name].label, _fact(name)))
        elif name.startswith(EXTRA) and len(name) > len(EXTRA):
            found.append(_column(name, name, value_under(name.removeprefix(EXTRA).split("."))))
    return found[:MAX_COLUMNS]


def _column(name: str, label: Any, read: Callable[[Log], Any]) -> Callable[[Log], Any]:
    @admin.display(description=label)
    def column(event: Log) -> Any:
        value = read(event)
        if value is None:
            return EMPTY
        # The label is shown where a narrow window has no headings.
        return fast_html(
            '<span class="column-name">{}</span> <bdi>{}</bdi>',
            label,
            shorten(value, MAX_CELL_LENGTH),
        )

    column.__name__ = "column_" + "".join(c if c.isalnum() else "_" for c in name)
    return column


def _fact(name: str) -> Callable[[Log], Any]:
    return lambda event: event.facts.get(name)


def value_under(keys: Sequence[str]) -> Callable[[Any], Any]:
    """Return a function that reads the value under nested keys of an event's ``extra``."""

    def read(event: Any) -> Any:
        value = event.extra
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    return read
