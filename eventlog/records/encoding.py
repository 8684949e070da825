"""Encoding of ``extra`` as JSON that every database accepts, or an error that names the key."""

import json
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from ..text import UNSTORABLE

# Limits of the list that names the values which were left out.
MAX_NAMES, MAX_NAME_LENGTH = 5, 20
MAX_NAMES_BYTES = 700  # of that list as escaped JSON

NESTING_ERROR = "extra is circular or nested too deeply; log a copy of at most 30 levels"


class _Encoder(DjangoJSONEncoder):
    """Django's encoder (dates, decimals, UUIDs, lazy strings), extended by paths and enums."""

    def default(self, o: Any) -> Any:
        if isinstance(o, PurePath):
            return str(o)
        if isinstance(o, Enum):
            return o.value
        return super().default(o)


def _encoder() -> Callable[[Any], str]:
    """Build the encoder once, because ``JSONEncoder.encode()`` builds one in C at each call."""
    encoder = _Encoder(allow_nan=False, separators=(",", ":"))
    quoted = json.encoder.encode_basestring_ascii
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    try:
        # markers=None turns off the circular-reference check, because threads cannot share its
        # dict. Circular values raise RecursionError.
        chunks = make(None, encoder.default, quoted, None, ":", ",", False, False, False)
    except TypeError:  # PyPy has no C encoder, and CPython does not document its own
        return encoder.encode
    return lambda value: "".join(chunks(value, 0))


_encode = _encoder()


def encode(extra: Any) -> str:
    """Encode ``extra`` as a JSON document that every database accepts.

    NUL and lone surrogates become U+FFFD. Raise ``TypeError`` or ``ValueError`` that names the key
    of a value which JSON cannot represent.
    """
    try:
        text = _encode(extra)
    except (TypeError, ValueError, RecursionError) as error:
        raise _error_with_key(extra, error) from error
    # The encoder writes ASCII, so NUL and surrogates appear as escapes.
    if "\\u0000" in text or "\\ud" in text:
        text = _encode(_storable(json.loads(text)))
    return text


def encode_within(values: Mapping[str, Any], limit: int) -> str:
    """Encode a dict in at most ``limit`` bytes, without its largest values if needed.

    The names of the values that were left out are listed under ``truncated``.
    """
    text = encode(values)
    if len(text) <= limit:
        return text
    sizes = {key: len(encode({key: value})) for key, value in values.items()}
    excess = sum(sizes.values()) + MAX_NAMES_BYTES - limit
    kept = {**values}
    left_out: list[str] = []
    for key in sorted(sizes, key=lambda key: sizes[key], reverse=True):
        if excess <= 0:
            break
        excess -= sizes[key]
        del kept[key]
        left_out.append(str(key)[:MAX_NAME_LENGTH])
    return encode({**kept, "truncated": left_out[:MAX_NAMES]})


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        # Only lone surrogates are left, because json.loads() joined the pairs.
        return UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return value


def _error_with_key(extra: Any, error: Exception) -> TypeError | ValueError:
    """Return an error like ``error`` whose message names the key."""
    if isinstance(error, RecursionError) or "Circular" in str(error):
        return ValueError(NESTING_ERROR)
    path, culprit = _culprit(extra, "extra")
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return kind(
        f"{path} is {_shortened(culprit)} ({type(culprit).__name__}), which JSON cannot "
        f"represent; convert it first, for example to a string"
    )


def _culprit(value: Any, path: str) -> tuple[str, Any]:
    """Return the path of the first value inside ``value`` that cannot be encoded, and the value."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str | int | float | None):
                return f"a key of {path}", key
            if not _is_encodable(item):
                return _culprit(item, f"{path}[{key!r}]")
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            if not _is_encodable(item):
                return _culprit(item, f"{path}[{number}]")
    return path, value


def _is_encodable(value: Any) -> bool:
    try:
        _encode(value)
    except (TypeError, ValueError):
        return False
    return True


def _shortened(value: Any) -> str:
    try:
        return f"{value!r:.100}"
    except Exception:  # noqa: BLE001 (a broken __repr__ must not hide the error)
        return "a value without a repr()"
