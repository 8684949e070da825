"""Text from outside, sanitized for every database and every log file."""

import re
from contextlib import suppress
from unicodedata import bidirectional

MAX_PATH_LENGTH = 2048  # characters that are stored of a path, a query or a referer
MAX_IP_LENGTH = 45  # characters of an IPv4-mapped IPv6 address
MAX_REASON_LENGTH = 1000  # characters
# Characters that are examined before masking, so that no secret is cut in half at MAX_PATH_LENGTH.
MAX_EXAMINED_LENGTH = 2 * MAX_PATH_LENGTH
CUT = "…"  # ends text that was cut, so that no expression anchored at the end matches

# Classes and invisible characters of Unicode's bidirectional algorithm (UAX 9).
RIGHT_TO_LEFT = ("R", "AL")
LTR_ISOLATE, FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2066", "\u2068", "\u2069"

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def sanitize(text: str, max_length: int) -> str:
    """Cut ``text`` to ``max_length`` characters, and replace NUL and lone surrogates by U+FFFD.

    PostgreSQL accepts NUL neither in text nor in jsonb. Lone surrogates have no UTF-8.
    """
    text = text[:max_length]
    if text.isascii() and "\x00" not in text:
        return text
    return UNSTORABLE.sub("\ufffd", text)


def cut(text: str, max_length: int) -> str:
    """Return at most ``max_length`` characters of ``text``, the last one "…" if more follow."""
    return text if len(text) <= max_length else text[: max_length - 1] + CUT


def isolated(text: str) -> str:
    """Return ``text``, with invisible isolates around it if it has right-to-left characters.

    Without them, the numbers next to an Arabic name are shown in the wrong order.
    """
    if text.isascii() or not any(bidirectional(character) in RIGHT_TO_LEFT for character in text):
        return text
    return f"{FIRST_STRONG_ISOLATE}{text}{POP_ISOLATE}"


def header_text(value: str, max_length: int) -> str:
    """Decode a header or query string from UTF-8 and cut it to ``max_length`` characters.

    WSGI (PEP 3333) and Django's ASGI handler pass bytes as Latin-1.
    """
    value = value[: max_length * 4]  # because a character has up to four bytes in UTF-8
    if not value.isascii():
        with suppress(UnicodeEncodeError):  # a test client passes text that is decoded already
            value = value.encode("latin-1").decode("utf-8", "replace")
    return sanitize(value, max_length)
