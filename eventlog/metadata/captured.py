"""Secrets that stand in a path: ``reset/<token>/``."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest
from django.urls import URLResolver, get_resolver
from django.utils.translation import get_language

from ..conf import conf
from ..redaction import MASK, is_secret

SHORTEST_PART = 4  # characters of a secret that is masked wherever it stands

_NAME = re.compile(r"<(?:[^<>:]+:)?(\w+)>")

Captured = Iterable[tuple[str, Any]]


def captured_in(request: HttpRequest, path: str) -> Captured:
    """What the URL patterns that capture a secret take from ``path``, by name."""
    urlconf = getattr(request, "urlconf", None) or settings.ROOT_URLCONF
    with suppress(Exception):  # that of a converter of the site's own
        return _captured(path, urlconf, tuple(conf.redact), get_language())
    return ()


@lru_cache(maxsize=1024)
def _captured(path: str, urlconf: Any, redacted: Any, language: str | None) -> Captured:
    """What a URL pattern captures in ``path``, or would with a slash at its end."""
    for way in _secret_ways(urlconf, redacted):
        for address in (path,) if path.endswith("/") else (path, path + "/"):
            captured, rest = [], address
            for pattern in way:
                if not (found := pattern.match(rest)):
                    break
                rest, _, named = found
                captured += named.items()
            else:
                return captured
    return ()


@lru_cache(maxsize=8)
def _secret_ways(urlconf: Any, redacted: Any) -> Sequence[Sequence[Any]]:
    """The ways through the URL patterns on which something has a secret name: few of many."""
    return list(_ways(get_resolver(urlconf), ()))


def _ways(resolver: URLResolver, before: Sequence[Any]) -> Iterator[Sequence[Any]]:
    before = (*before, resolver.pattern)
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from _ways(each, before)
        else:
            way = (*before, each.pattern)
            # Off the text, as in (?P<token>…) and <str:token>: most need not be compiled for this.
            if any(map(is_secret, _NAME.findall(" ".join(map(str, way))))):
                yield way


def without_secrets(captured: Captured, text: str) -> str:
    """``text`` with each value that was captured under a secret name masked."""
    for name, value in captured:
        secret = str(value)
        if secret and is_secret(name):
            # A converter may have changed it: an int has lost its leading zeros.
            text = re.sub(
                rf"(?<=[/=]){'0*' + secret if secret.isdigit() else re.escape(secret)}"
                r"(?=[/?&#]|$)",
                MASK,
                text,
            )
            if len(secret) >= SHORTEST_PART:
                text = text.replace(secret, MASK).replace(quote(secret), MASK)
    return text
