"""The rows of the list, with the cells that Django's admin would make.

Django looks up each column again for each row, which takes a fifth of the page
(``benchmarks.review``). Here, the columns that are methods or functions are looked up once.
"""

from collections.abc import Callable, Iterable
from datetime import date, time
from typing import Any

from django.contrib.admin.templatetags.admin_list import items_for_result
from django.contrib.admin.utils import display_for_value
from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist
from django.urls import NoReverseMatch
from django.utils.html import conditional_escape, escape
from django.utils.safestring import SafeString

from ..models import Log

Cell = Callable[[Log], str]


def rows(changes: Any) -> list[SafeString]:
    """Return one text for each event of a page, with the event's cells."""
    found = [] if changes.is_popup or getattr(changes, "formset", None) else _cells(changes)
    cells = [cell for cell in found if cell is not None]
    if not cells or len(cells) < len(found):
        return [_joined(items_for_result(changes, event, None)) for event in changes.result_list]
    return [_joined(cell(event) for cell in cells) for event in changes.result_list]


def _joined(cells: Iterable[str]) -> SafeString:
    return SafeString("".join(cells))


def _cells(changes: Any) -> list[Cell | None]:
    """Return a function of an event for each column; None for a column that is a field."""
    links, columns = changes.list_display_links or (), changes.list_display
    heading = next((number for number, column in enumerate(columns) if column in links), None)
    return [_cell(changes, column, number == heading) for number, column in enumerate(columns)]


def _cell(changes: Any, column: Any, is_heading: bool) -> Cell | None:
    admin = changes.model_admin
    read = column if callable(column) else _method(admin, column)
    name = column.__name__ if callable(column) else column
    if read is None or getattr(read, "boolean", False) or name == "<lambda>":
        return None
    css = "action-checkbox" if name == "action_checkbox" else f"field-{name}"
    without_object = admin.get_empty_value_display()
    empty = getattr(read, "empty_value_display", without_object)
    is_link = column in (changes.list_display_links or ())
    tag = "th" if is_heading else "td"

    def cell(event: Log) -> str:
        try:
            value = read(event)
        except ObjectDoesNotExist:
            value, text = None, str(conditional_escape(without_object))
        else:
            text = _text(value, empty)
        if is_link:
            text = _linked(changes, event, text)
        nowrap = " nowrap" if isinstance(value, date | time) else ""
        return f'<{tag} class="{css}{nowrap}">{text}</{tag}>'

    return cell


def _linked(changes: Any, event: Log, text: str) -> str:
    """Return the text of a cell with the link to the event, which keeps the search."""
    try:
        address = changes.url_for_result(event)
    except NoReverseMatch:  # a site without the page of an event
        return text
    if kept := changes.preserved_filters:
        address += f"{'&' if '?' in address else '?'}{kept}"
    return f'<a href="{escape(address)}">{text}</a>'


def _method(admin: Any, name: str) -> Callable[[Log], Any] | None:
    """Return the method of the admin for a column; None if the column is something else."""
    if name == "__str__":  # of the event
        return None
    try:
        admin.opts.get_field(name)
    except FieldDoesNotExist:
        found = getattr(admin, name, None)
        return found if callable(found) else None
    return None


def _text(value: Any, empty: Any) -> str:
    if isinstance(value, str) and (not value or value.isspace()):
        value = ""
    elif isinstance(value, SafeString):
        return value
    return conditional_escape(display_for_value(value, empty))
