"""Masking of URLs: their user, and the secrets of path, query and fragment."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import quote, unquote, unquote_plus

from . import oauth
from .forms import MASK, mask_forms
from .names import EXEMPT, NONE, SECRET, Classifier, hides

MAX_ENCODINGS = 5  # levels of URLs or JSON inside each other, and of percent-encoding
# Results that are remembered: at most 2 MB for each kind of text.
MAX_REMEMBERED, MAX_REMEMBERED_LENGTH = 4096, 256
MAX_REMEMBERED_URLS = 1024

# Characters that show structure, which a decoded text may reveal.
STRUCTURE = re.compile(r"""[=@:{\["'<]""")
USERINFO = re.compile(r"""(?<=//)[^/?#\s"'<>\\]*@""")

_SECRET_END = re.compile(r"[&#]")
_VALUE_END = re.compile(r"[?&;#]")
_JSON_VALUE = re.compile(r'[{\["]|%7b|%5b|%22', re.IGNORECASE)
_PATH_PARAMETER = re.compile(
    r"(?<![^/;,&])([^/;,&=\s]++)="
    r"(=*+(?:[\"'>]?(?i:bearer|basic|token|digest|apikey)[ +]++)?+[^/;&=\s][^/;&\s]*+)"
)
# A part of a query without "=", in which other text or an encoded "=" may be.
_WITHOUT_EQUALS = re.compile(r"(?<![^?&;#\s])=*+[^?&;#%:=\s]*+[%:][^?&;#=]++(?=[?&;#]|\Z)")
_ENCODED = re.compile(r"[%+]")
_ENCODED_TOO_OFTEN = re.compile(r"%(?:25)*+(?:3d|40|3a|7b|5b|22)", re.IGNORECASE)
_QUERY = re.compile(r"[?#]")


class UrlMasker(ABC):
    """Masking of URLs, whose parameters may contain any other text."""

    def __init__(self, classify: Classifier) -> None:
        self.classify = classify
        # Remembered, because requests repeat the same short queries (``benchmarks.cost``).
        self._masked_query: Callable[[str, bool], str]
        self._masked_query = lru_cache(maxsize=MAX_REMEMBERED)(self._mask_query)
        self.url: Callable[[str], str] = lru_cache(maxsize=MAX_REMEMBERED_URLS)(self._url)
        """Returns a URL with its user, and the secrets of path, query and fragment, masked."""

    @abstractmethod
    def text(self, text: str, depth: int = 0) -> str:
        """Return ``text`` of any kind with secrets masked."""

    def query(self, query: str, path: str = "") -> str:
        """Return a query string with the values of secret parameters masked."""
        is_oauth = oauth.shows_response(query, path)
        if len(query) <= MAX_REMEMBERED_LENGTH:
            return self._masked_query(query, is_oauth)
        return self._mask_query(query, is_oauth)

    def _mask_query(self, query: str, is_oauth: bool) -> str:
        return mask_forms(self.parameters(query, 0, SECRET if is_oauth else NONE))

    def _url(self, url: str) -> str:
        return mask_forms(self.parts(url, 0))

    def parts(self, url: str, depth: int) -> str:
        """Mask each part of a URL by itself."""
        if "@" in url:
            url = USERINFO.sub(MASK + "@", url)
        start = _QUERY.search(url)
        if start is None:
            return self.path(url, depth)
        path, rest = url[: start.start()], url[start.start() :]
        return self.path(path, depth) + self.parameters(rest, depth, oauth_level(rest, path))

    def path(self, path: str, depth: int) -> str:
        """Mask the parameters of a path, and the URL that a percent-encoded path contains."""
        if "%" in path:
            decoded = self._decoded(path, unquote)
            if decoded is None:
                return MASK
            if decoded != path:
                # Without percent signs, so that the URL inside is not decoded again.
                decoded = decoded.replace("%", "\ufffd")
                masked = mask_forms(self._decoded_path(decoded, depth + 1))
                kept = "/*: " if " " in path else "/*:"
                return path if masked == decoded else quote(masked, safe=kept)
        if "=" in path:
            path = _PATH_PARAMETER.sub(self._path_parameter, path)
        return path

    def _decoded_path(self, decoded: str, depth: int) -> str:
        return self.parts(decoded, depth) if decoded[:1] == "/" else self.text(decoded, depth)

    def _path_parameter(self, found: "re.Match[str]") -> str:
        name, value = found.groups()
        if value.lstrip("=>") == MASK:
            return found[0]
        return f"{name}={MASK}" if hides(max(self.classify(name), NONE), value) else found[0]

    def parameters(self, query: str, depth: int, oauth_level: int) -> str:
        """Mask the parameters of a query; ``oauth_level`` applies to "code" and "state"."""
        if " " in query:  # encoded, because a space ends no value
            encoded = query.replace(" ", "%20")
            masked = self.parameters(encoded, depth, oauth_level)
            return query if masked == encoded else masked
        kept, position = [], 0
        for found in oauth.PARAMETER.finditer(query):
            name, start = found[1], found.end()
            if start < position:
                continue  # inside a masked value
            plain = name
            if "%" in name or "+" in name:
                plain = self._decoded(name, unquote_plus) or name
            if ":" in plain or "=" in plain:  # not a name, but text such as {"password":"a=b"}
                begin, position = position, search_end(_SECRET_END, query, start)
                masked = self._value(query[found.start(1) : position], depth + 1)
                before = self._without_equals(query[begin : found.start()], depth)
                kept += [before, query[found.start() : found.start(1)], masked]
                continue
            level = oauth_level if plain in oauth.PARAMETERS else NONE
            level = level or self.classify(plain)
            # A secret ends at "&", because only some servers separate parameters by ";" and "?".
            is_long = level >= SECRET or _JSON_VALUE.match(query, start)
            end = search_end(_SECRET_END if is_long else _VALUE_END, query, start)
            value = query[start:end]
            if level == EXEMPT:
                masked = value
            elif level and hides(level, unquote_plus(value)) and not oauth.is_status(plain, value):
                masked = MASK
            else:
                masked = self._value(value, depth + 1)
            kept += [self._without_equals(query[position : found.start()], depth), found[0], masked]
            position = end
        return "".join([*kept, self._without_equals(query[position:], depth)])

    def _without_equals(self, query: str, depth: int) -> str:
        """Mask the parts of a query that have no "=", or a percent-encoded one."""
        if "%" not in query and ":" not in query:
            return query
        return _WITHOUT_EQUALS.sub(lambda found: self._value(found[0], depth + 1), query)

    def _value(self, value: str, depth: int) -> str:
        """Return the value of a parameter, which may be a URL or JSON, with secrets masked."""
        if len(value) < 5 or not (STRUCTURE.search(value) or _ENCODED.search(value)):
            return value
        decoded = self._decoded(value, unquote_plus)
        if decoded is None or (depth > MAX_ENCODINGS and STRUCTURE.search(decoded)):
            return MASK
        masked = self.text(decoded, depth)
        return value if masked == decoded else quote(masked, safe="/*")

    def _decoded(self, text: str, unquoted: Callable[[str], str]) -> str | None:
        """Return ``text`` decoded until its structure shows; None if encoded too many times."""
        decoded, times = unquoted(text), 1
        while "%" in decoded and not STRUCTURE.search(decoded) and times < MAX_ENCODINGS:
            decoded, times = unquoted(decoded), times + 1
        too_often = times == MAX_ENCODINGS and _ENCODED_TOO_OFTEN.search(decoded)
        return None if too_often else decoded


def oauth_level(query: str, path: str) -> int:
    """Return the secrecy of "code" and "state" in this query."""
    return SECRET if oauth.shows_response(query, path) else NONE


def search_end(pattern: "re.Pattern[str]", text: str, start: int) -> int:
    """Return where ``pattern`` matches first behind ``start``; the end of ``text`` if nowhere."""
    found = pattern.search(text, start)
    return len(text) if found is None else found.start()
