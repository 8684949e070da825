"""Secrets that stand in a path: ``reset/<token>/``."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest
from django.urls import URLResolver, get_resolver
from django.urls.resolvers import LocalePrefixPattern
from django.utils.translation import get_language

from ..conf import conf
from ..redaction import MASK, is_secret

SHORTEST_PART = 4  # characters of a secret that is masked wherever it stands

_NAME = re.compile(r"<(?:[^<>:]+:)?(\w+)>")
_END = re.compile(r"(?<!\\)/?(?:\\Z|\\z|\$)?$")  # of a pattern, with a slash before it

Way = Sequence["re.Pattern[str]"]


def captured_in(request: HttpRequest, path: str) -> set[str]:
    """What stands in ``path`` where the URL patterns have a secret, and what the view has of it."""
    match = request.resolver_match
    given = match.kwargs.items() if match else ()
    secrets = {str(value) for name, value in given if value and is_secret(name)}
    urlconf = getattr(request, "urlconf", None) or settings.ROOT_URLCONF
    with suppress(Exception):  # that of a pattern of the site's own
        secrets |= _captured(path, urlconf, tuple(conf.redact), get_language())
    return secrets


@lru_cache(maxsize=1024)
def _captured(path: str, urlconf: Any, redacted: Any, language: str | None) -> set[str]:
    for way in _secret_ways(urlconf, redacted, language):
        rest = path
        captured: dict[str, str | None] = {}
        for expression in way:
            # The text itself: a converter makes another value of it.
            found = expression.search(rest)
            if found is None:
                break
            captured |= found.groupdict()
            rest = rest[found.end() :]
        else:
            secrets = {text for name, text in captured.items() if text and is_secret(name)}
            return set() if _is_without(path, urlconf) else secrets
    return set()


def _is_without(path: str, urlconf: Any) -> bool:
    """Whether it leads to a page that has no secret, before it comes to one that has."""
    try:
        return not any(map(is_secret, get_resolver(urlconf).resolve(path).kwargs))
    except Exception:  # noqa: BLE001 (there is no such page, or a converter of the site's own fails)
        return False


@lru_cache(maxsize=64)
def _secret_ways(urlconf: Any, redacted: Any, language: str | None) -> Sequence[Way]:
    """The ways through the URL patterns on which something has a secret name: few of many."""
    return [
        [*(_begun(pattern) for pattern in before), _ended(last)]
        for *before, last in _ways(get_resolver(urlconf), ())
    ]


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


def _begun(pattern: Any) -> "re.Pattern[str]":
    if isinstance(pattern, LocalePrefixPattern):  # in whichever language, or before it is added
        codes = "|".join(re.escape(code) for code, _name in settings.LANGUAGES)
        return re.compile(f"^(?:(?:{codes})/)?")
    expression: re.Pattern[str] = pattern.regex
    return expression


def _ended(pattern: Any) -> "re.Pattern[str]":
    """Also of a link that has lost its last slash, or has a full stop or a bracket behind it."""
    return re.compile(f"(?:{_END.sub('', pattern.regex.pattern)})[\\W_]*\\Z")


def without_secrets(secrets: set[str], text: str) -> str:
    """``text`` with each of the secrets masked."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may be a part of another
        text = re.sub(rf"(?<=[/=]){re.escape(secret)}(?=[/?&#]|$)", MASK, text)
        if len(secret) >= SHORTEST_PART:
            text = text.replace(secret, MASK).replace(quote(secret), MASK)
    return text
