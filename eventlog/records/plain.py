"""Values of fields as JSON has them."""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from hashlib import sha256
from typing import Any

from django.core.files import File
from django.db.models import Model, QuerySet

from .encoding import encode

HASH_LENGTH = 8  # hexadecimal digits, which show whether binary values differ


def plain_value(value: Any) -> Any:
    """Return a value as JSON has it: files by name, model instances by key."""
    kind = type(value)
    if value is None or kind in _JSON_TYPES:
        return value
    if kind in _TEXT_TYPES:
        return _TEXT_TYPES[kind](value)
    if isinstance(value, File):
        return value.name or ""
    if isinstance(value, Model):
        return plain_value(value.pk)
    if isinstance(value, bytes | bytearray | memoryview):
        content = bytes(value)
        return f"({len(content):,} bytes, {sha256(content).hexdigest()[:HASH_LENGTH]})"
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    # No other iterables, because a network has an address for each of its hosts.
    if isinstance(value, list | tuple | QuerySet):
        value = [plain_value(each) for each in value]
    try:
        return json.loads(encode(value))
    except (TypeError, ValueError):  # such as NaN, or a range of PostgreSQL
        return str(value)


def _with_microseconds(value: datetime | time) -> str:
    """Return a time with its microseconds, which Django's encoder leaves out."""
    return value.isoformat().replace("+00:00", "Z")


# Types without a document inside, for which encode() would take longer.
_JSON_TYPES = frozenset([bool, int, str])
_TEXT_TYPES: Mapping[type, Callable[[Any], str]] = {
    Decimal: str,
    date: date.isoformat,
    datetime: _with_microseconds,
    time: _with_microseconds,
}
