"""Reading of text that SQLite extracts from JSON, which may have lone surrogates."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.db import OperationalError, connections

R = TypeVar("R")


def read_any_text(read: Callable[[], R], using: str) -> R:
    """Call ``read``, and call it again with U+FFFD in place of bytes that are not UTF-8.

    JSON can have a lone surrogate as an escape. SQLite turns it into bytes that Python refuses.
    """
    try:
        return read()
    except OperationalError as error:
        connection = connections[using]
        if connection.vendor != "sqlite" or "decode" not in str(error):
            raise
    opened: Any = connection.connection
    before, opened.text_factory = opened.text_factory, _decode
    try:
        return read()
    finally:
        opened.text_factory = before


def _decode(text: bytes) -> str:
    return text.decode(errors="replace")
