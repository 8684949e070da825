"""Changes of fields as a table from old to new, with a comparison by words for longer texts."""

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from .. import formats
from ..models import Log
from . import links
from .html import link_if_address, shorten
from .values import MAX_LABEL_LENGTH, value_html

MAX_FIELDS = 100  # in the table
MIN_COMPARED_LENGTH = 40  # characters of the longer of two texts that are compared by words
MAX_COMPARED_LENGTH = 4000  # characters, because comparing takes time that grows with both texts

_WORDS = re.compile(r"\s*(?:\w+|[^\w\s]|\Z)")


def changes_table(event: Log, site: str) -> SafeString:
    """Return the changes of an event, with a link to the history of each field."""
    changes = list(event.changes.items())
    rows = (
        (_field(event, name, site), field_difference_cells(event, name, old, new))
        for name, (old, new) in changes[:MAX_FIELDS]
    )
    left_out = len(changes) - MAX_FIELDS
    more = more_fields(left_out) if left_out > 0 else ""
    return format_html("{}{}", differences_table(pgettext("eventlog", "Field"), rows), more)


def more_fields(count: int) -> str:
    """Return the number of fields that are left out, in words."""
    text = ngettext("%(count)s more field", "%(count)s more fields", count)
    return text % {"count": formats.number(count)}


def differences_table(label: str, rows: Iterable[tuple[Any, SafeString]]) -> SafeString:
    """Return a table of labels and of the cells of ``field_difference_cells()``."""
    head = format_html(
        '<tr><th scope="col">{}</th><th scope="col">{}</th><th scope="col">{}</th></tr>',
        label,
        _("Old"),
        _("New"),
    )
    body = format_html_join("", '<tr><th scope="row"><bdi>{}</bdi></th>{}</tr>', rows)
    return format_html(
        '<table class="changes"><thead>{}</thead><tbody>{}</tbody></table>', head, body
    )


def _field(event: Log, name: str, site: str) -> SafeString | str:
    return link_if_address(shorten(name, MAX_LABEL_LENGTH), links.field_address(site, event, name))


def field_difference_cells(event: Log, name: str, old: Any, new: Any) -> SafeString:
    """Return the cells of a field of the event's object."""
    # Of a relation, the keys that were removed or added are stored, with [] for the other value.
    # A log() with all keys before and after looks the same only if one of them is [], where both
    # readings say the same.
    pair = isinstance(old, list) and isinstance(new, list) and [] in (old, new)
    return (
        members_cell(old, new)
        if pair and links.is_relation(event, name)
        else difference_cells(old, new)
    )


def members_cell(removed: Sequence[Any], added: Sequence[Any]) -> SafeString:
    """Return one cell with the members that a relation has lost and got."""
    parts = [
        format_html("{} <{}><bdi>{}</bdi></{}>", sign, tag, value_html(keys), tag)
        for sign, tag, keys in (("\N{MINUS SIGN}", "del", removed), ("+", "ins", added))
        if keys
    ]
    return format_html(
        '<td colspan="2" class="members">{}</td>',
        format_html_join(" ", "{}", ((part,) for part in parts)),
    )


def difference_cells(old: Any, new: Any) -> SafeString:
    """Return the cells of the old and the new value, or one cell that compares two texts."""
    if _are_long_texts(old, new):
        return format_html(
            '<td colspan="2" class="compared"><bdi>{}</bdi></td>', compared_words(old, new)
        )
    return format_html(
        '<td class="old">{}</td><td class="new">{}</td>', _marked("del", old), _marked("ins", new)
    )


def _marked(tag: str, value: Any) -> SafeString:
    shown = format_html("<bdi>{}</bdi>", value_html(value))
    is_empty = value is None or value in ("", [], {})
    return shown if is_empty else format_html("<{}>{}</{}>", tag, shown, tag)


def _are_long_texts(old: Any, new: Any) -> bool:
    if not isinstance(old, str) or not isinstance(new, str) or not old or not new:
        return False
    return max(len(old), len(new)) > MIN_COMPARED_LENGTH and old != new


def compared_words(old: str, new: str) -> SafeString:
    """Return both texts as one, with the words that were removed and added. Text is escaped."""
    before, after = (_WORDS.findall(shorten(text, MAX_COMPARED_LENGTH)) for text in (old, new))
    parts = SequenceMatcher(None, before, after).get_opcodes()
    return format_html_join(
        "",
        "{}{}",
        (
            ("".join(after[c:d]), "")
            if kind == "equal"
            else (_joined("del", before[a:b]), _joined("ins", after[c:d]))
            for kind, a, b, c, d in parts
        ),
    )


def _joined(tag: str, some: list[str]) -> SafeString | str:
    return format_html("<{}>{}</{}>", tag, "".join(some), tag) if some else ""
