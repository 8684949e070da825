"""Requests, parsed from an access log in Apache's combined format."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from .middleware import REPLAY_STATUS
from .traffic import make_environ

_QUOTED = r'(?:[^"\\]|\\.)*'
_LINE = re.compile(
    r"(?P<address>\S+) \S+ .*?\[[^\]]*\] "
    # A target may contain spaces, and HTTP/0.9 has no version.
    rf'"(?P<method>[\w!#$%&\'*+.^`|~-]+) (?P<target>{_QUOTED}?)(?: HTTP/[\d.]+)?" '
    r"(?P<status>[1-5]\d\d) \S+ "
    rf'"(?P<referer>{_QUOTED})" "(?P<agent>{_QUOTED})"',
    re.ASCII,
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(.))")
_CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_SITE = re.compile(r"\A[a-z][a-z0-9+.-]*://[^/?]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log; its text is bytes, decoded as Latin-1."""

    address: str
    method: str
    target: str
    status: int
    referer: str | None
    agent: str | None

    def environ(self) -> dict[str, Any]:
        """Return the WSGI environ that repeats the request and its status."""
        # Proxies and scanners send whole URLs, and a server uses only the path.
        path, _, query = _SITE.sub("", self.target, count=1).partition("?")
        headers = {"referer": self.referer, "user-agent": self.agent}
        decoded = unquote_to_bytes(path.encode("latin-1")).decode("latin-1")
        environ = make_environ(self.method, decoded, query, self.address, headers)
        return environ | {REPLAY_STATUS: self.status}


def parse(line: str) -> Entry | None:
    """Return the request of a line that was read as Latin-1, or None if it is malformed."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    return Entry(
        address=found["address"],
        method=found["method"],
        target=_unescaped(found["target"]),
        status=int(found["status"]),
        referer=_header(found["referer"]),
        agent=_header(found["agent"]),
    )


def _header(text: str) -> str | None:
    return None if text == "-" else _unescaped(text)


def _unescaped(text: str) -> str:
    r"""Undo Apache's escapes: ``\"`` for a quote, ``\xhh`` for a byte that is not ASCII."""
    return _ESCAPE.sub(
        lambda found: chr(int(found[1], 16)) if found[1] else _CONTROLS.get(found[2], found[2]),
        text,
    )
