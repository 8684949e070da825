"""Text from outside, made fit for every database and every log file."""

import re
from contextlib import suppress

LONGEST_PATH = 2048  # characters that are kept of a path, a query or a referer

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean(text: str, most: int) -> str:
    """``text`` cut to ``most`` characters, with U+FFFD for what a database refuses.

    That is NUL (PostgreSQL takes it neither in text nor in jsonb) and lone surrogates (they have
    no UTF-8).
    """
    text = text[:most]
    if text.isascii() and "\x00" not in text:
        return text
    return UNSTORABLE.sub("\ufffd", text)


def header_text(value: str, most: int) -> str:
    """A header or query string as its sender meant it: UTF-8, cut to ``most`` characters.

    WSGI (PEP 3333) and Django's ASGI handler both hand over bytes as Latin-1.
    """
    value = value[: most * 4]  # UTF-8 takes up to four bytes a character
    if not value.isascii():
        with suppress(UnicodeEncodeError):  # it was text already, as in a test client
            value = value.encode("latin-1").decode("utf-8", "replace")
    return clean(value, most)
