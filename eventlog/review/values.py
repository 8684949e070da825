"""Values of an application as rows of HTML: nested values unfolded, times to read, links."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.utils.dateparse import parse_date, parse_datetime
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext, pgettext

from .. import formats
from ..datetimes import local
from .html import EMPTY, MAX_VALUE_LENGTH, shorten

MAX_DEPTH = 4  # levels that are unfolded; deeper values are shown as JSON
MAX_ROWS = 60
MAX_ITEMS = 20  # of a list of simple values, in its row
MAX_LABEL_LENGTH = 120  # characters

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATETIME = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_WEB_ADDRESS = re.compile(r"https?://[^\s\\]+", re.IGNORECASE)

Leaf = tuple[tuple[str, ...], Any]


class ValueRows(NamedTuple):
    """Rows of labels and values, and the number of values that are left out."""

    rows: Sequence[tuple[str, SafeString]]
    left_out: int


def value_rows(value: Any, label: str = "") -> ValueRows:
    """Return the rows of a value, with dotted labels for nested values."""
    leaves = _leaves(value)
    rows = [
        (shorten(".".join(keys) or label, MAX_LABEL_LENGTH), value_html(leaf))
        for keys, leaf in islice(leaves, MAX_ROWS)
    ]
    return ValueRows(rows, sum(1 for _ in leaves))


def _leaves(value: Any) -> Iterator[Leaf]:
    """Yield the values that get a row, each with the keys that lead to it."""
    # A stack, because a document may be nested more deeply than Python's recursion limit.
    stack: list[Leaf] = [((), value)]
    while stack:
        keys, value = stack.pop()
        if len(keys) < MAX_DEPTH and (children := _children(value)):
            stack += [((*keys, key), child) for key, child in reversed(children)]
        else:
            yield keys, value


def _children(value: Any) -> Sequence[tuple[str, Any]]:
    """Return the values that get rows of their own; a list of simple values has one row."""
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        return [(str(number), each) for number, each in enumerate(value)]
    return []


def rows_table(found: ValueRows) -> SafeString:
    """Return the rows as a table."""
    rows = format_html_join(
        "",
        '<tr><th scope="row"><bdi>{}</bdi></th><td><bdi>{}</bdi></td></tr>',
        ((_breakable(label), value) for label, value in found.rows),
    )
    more = ""
    if found.left_out:
        more = format_html(
            '<tr><td colspan="2" class="quiet">{}</td></tr>', more_values(found.left_out)
        )
    return format_html('<table class="facts own-data">{}{}</table>', rows, more)


def _breakable(label: str) -> SafeString:
    """Return a dotted label whose lines break after a dot."""
    return format_html_join(format_html("{}<wbr>", "."), "{}", ((key,) for key in label.split(".")))


def more_values(count: int) -> str:
    """Return the number of values that are left out, in words."""
    text = ngettext("%(count)s more value", "%(count)s more values", count)
    return text % {"count": formats.number(count)}


def value_html(value: Any) -> SafeString:
    """Return one value as HTML. Text from a visitor is escaped."""
    if value is None:
        return EMPTY
    if isinstance(value, bool):
        return format_html(
            "{}", pgettext("eventlog", "yes") if value else pgettext("eventlog", "no")
        )
    if value in ("", [], {}):
        return format_html('<span class="none">{}</span>', gettext("(empty)"))
    if isinstance(value, str):
        return _text_html(value)
    if isinstance(value, list) and not _children(value):
        return _list_html(value)
    return format_html("{}", shorten(value, MAX_VALUE_LENGTH))


def _list_html(values: Sequence[Any]) -> SafeString:
    shown = format_html_join(", ", "{}", ((value_html(each),) for each in values[:MAX_ITEMS]))
    left_out = len(values) - MAX_ITEMS
    if left_out <= 0:
        return shown
    return format_html('{}, <span class="quiet">{}</span>', shown, more_values(left_out))


def _text_html(text: str) -> SafeString:
    if (readable := _readable_time(text)) is not None:
        return format_html('<time datetime="{}" title="{}">{}</time>', text, text, readable)
    shown = shorten(text, MAX_VALUE_LENGTH)
    if is_web_address(shown):
        return format_html('<a href="{}" rel="noreferrer noopener">{}</a>', shown, shown)
    return format_html('<span class="text">{}</span>', shown)


def is_web_address(text: str) -> bool:
    """Return whether ``text`` is an http(s) address that shows where it leads."""
    # Controls and marks that reverse the text are not printable.
    if not _WEB_ADDRESS.fullmatch(text) or not text.isprintable() or text.endswith("…"):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.hostname) and "@" not in parts.netloc  # as in http://bank.example@evil.test


def _readable_time(text: str) -> str | None:
    """Return an ISO date or time in the current time zone; None for other text."""
    try:
        if _DATE.fullmatch(text):
            day = parse_date(text)
            return None if day is None else _day(day)
        if not _DATETIME.fullmatch(text) or (moment := parse_datetime(text)) is None:
            return None
        return _moment(local(moment))
    except (ValueError, OverflowError):
        return None


def _moment(moment: datetime) -> str:
    pattern = "H:i:s" if moment.second or moment.microsecond else "H:i"
    return f"{_day(moment)}, {date_format(moment, pattern)} {moment.tzname() or ''}".strip()


def _day(day: date) -> str:
    return date_format(day, "DATE_FORMAT")
