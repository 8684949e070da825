"""``extra`` as JSON that every database takes, or an error that names the key."""

import json
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from .text import UNSTORABLE

ENDLESS = "extra is circular or nested too deeply: 30 levels are allowed"


class _Encoder(DjangoJSONEncoder):
    """Django's (dates, decimals, UUIDs, lazy strings), and paths and enums."""

    def default(self, o: Any) -> Any:
        if isinstance(o, PurePath):
            return str(o)
        if isinstance(o, Enum):
            return o.value
        return super().default(o)


def _encoder() -> Callable[[Any], str]:
    """What makes text of a document, made once: JSONEncoder makes one in C for each document."""
    encoder = _Encoder(allow_nan=False, separators=(",", ":"))
    quoted = json.encoder.encode_basestring_ascii
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    try:
        # Without its record of what it is within, which threads could not share: what holds itself
        # ends in a RecursionError.
        chunks = make(None, encoder.default, quoted, None, ":", ",", False, False, False)
    except TypeError:  # PyPy has none, and CPython promises nothing of it
        return encoder.encode
    return lambda value: "".join(chunks(value, 0))


_encode = _encoder()


def encode(extra: Any) -> str:
    """``extra`` as a JSON document that every database takes.

    NUL and lone surrogates become U+FFFD. Raises a ``TypeError`` or ``ValueError`` that names the
    key for what JSON does not know.
    """
    try:
        text = _encode(extra)
    except (TypeError, ValueError, RecursionError) as error:
        raise _complaint(extra, error) from error
    # The encoder writes ASCII, so the two things that databases refuse show as escapes.
    if "\\u0000" in text or "\\ud" in text:
        text = _encode(_storable(json.loads(text)))
    return text


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        # JSON has no length, so nothing is cut: the encoder joins the halves of each real pair.
        return UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return value


def _complaint(extra: Any, error: Exception) -> TypeError | ValueError:
    """The same error, with the key that it is about."""
    if isinstance(error, RecursionError) or "Circular" in str(error):
        return ValueError(ENDLESS)
    path, culprit = _culprit(extra, "extra")
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return kind(
        f"{path} is {_shown(culprit)} ({type(culprit).__name__}), which JSON does not know; "
        f"convert it first, to a string for example"
    )


def _culprit(value: Any, path: str) -> tuple[str, Any]:
    """Where in ``value`` the first thing lies that cannot be encoded, and that thing."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str | int | float | None):
                return f"a key of {path}", key
            if not _encodes(item):
                return _culprit(item, f"{path}[{key!r}]")
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            if not _encodes(item):
                return _culprit(item, f"{path}[{number}]")
    return path, value


def _encodes(value: Any) -> bool:
    try:
        _encode(value)
    except (TypeError, ValueError):
        return False
    return True


def _shown(value: Any) -> str:
    try:
        return f"{value!r:.100}"
    except Exception:  # noqa: BLE001 (a broken __repr__ must not hide the complaint)
        return "something"
