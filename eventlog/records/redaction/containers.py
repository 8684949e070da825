"""Containers that hold a name next to its value, such as ``[["Authorization", "…"]]``."""

from collections.abc import Mapping
from numbers import Number
from typing import Any

MAX_NUMBERS = 16  # items of a list; longer lists of numbers may be the bytes of a key

_NAMING = (
    "name", "key", "header", "field", "param", "parameter", "variable", "property", "attribute",
    "setting", "k",
)  # fmt: skip
# Names in these keys count only next to a key such as "value".
_DESCRIBING = ("type", "Type", "TYPE", "label", "Label", "LABEL", "id", "Id", "ID")
_PLAIN_VALUES = ("value", "Value", "VALUE", "val", "default", "initial", "v")
_VALUES = (
    "value", "values", "val", "content", "data", "old", "new", "from", "to", "before", "after",
    "old_value", "new_value", "oldValue", "newValue", "default", "initial", "v",
)  # fmt: skip
_NAMING_KEYS = tuple(written for key in _NAMING for written in (key, key.capitalize(), key.upper()))
VALUE_KEYS = frozenset(
    written for key in _VALUES for written in (key, key.capitalize(), key.upper())
)
# Headers that are recognised in a single pair, because ["cookie", "cake"] may be two words.
HEADERS = frozenset(
    [
        "Authorization",
        "authorization",
        "AUTHORIZATION",
        "HTTP_AUTHORIZATION",
        "Proxy-Authorization",
        "proxy-authorization",
        "Cookie",
        "HTTP_COOKIE",
        "Set-Cookie",
        "set-cookie",
        "X-API-Key",
        "X-Api-Key",
        "x-api-key",
        "X-Auth-Token",
        "x-auth-token",
        "X-CSRFToken",
        "x-csrftoken",
    ]
)


def naming_key(value: Mapping[Any, Any]) -> str | None:
    """Return the key whose value is a name, as in ``{"name": …, "value": …}``."""
    for key in _NAMING_KEYS:
        if isinstance(value.get(key), str):
            return key
    return None


def described_names(value: Mapping[Any, Any]) -> list[str]:
    """Return the names in ``{"type": …, "value": …}``."""
    if not any(key in value for key in _PLAIN_VALUES):
        return []
    return [name for key in _DESCRIBING if isinstance(name := value.get(key), str)]


def is_pair(item: Any) -> bool:
    """Return whether an item of a list is a name with its value, such as a header."""
    return isinstance(item, (list, tuple)) and len(item) == 2 and isinstance(item[0], str)


def flag_name(item: Any) -> str:
    """Return the name in an item such as ``--token``, which precedes its value, or ""."""
    is_flag = type(item) is str and item[:2] == "--" and "=" not in item
    return item[2:] if is_flag else ""


def is_harmless(value: Any, *, with_numbers: bool) -> bool:
    """Return whether a container is empty, or a list of booleans and, if allowed, numbers."""
    if not isinstance(value, list | tuple):
        return not value
    return len(value) <= MAX_NUMBERS and all(
        item is None or isinstance(item, bool) or (with_numbers and isinstance(item, Number))
        for item in value
    )
