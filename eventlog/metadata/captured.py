"""Secrets that stand in a path: ``reset/<token>/``."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest
from django.urls import URLResolver, get_resolver
from django.urls.resolvers import LocalePrefixPattern, RegexPattern, RoutePattern
from django.utils.translation import get_language

from ..conf import conf
from ..redaction import MASK, is_secret, judge_of
from ..reporting import report

SHORTEST_PART = 4  # characters of a secret that is masked wherever it stands

_NAME = re.compile(r"<(?:[^<>:]+:)?(\w+)>")
_END = re.compile(r"(?<!\\)/?(?:\\Z|\\z|\$)?$")  # of a pattern, with a slash before it
_NOTHING: frozenset[str] = frozenset()

Way = Sequence["re.Pattern[str]"]


def given_to_view(request: HttpRequest) -> frozenset[str]:
    """The secrets that the view was called with."""
    match = request.resolver_match
    if match is None or not match.kwargs:
        return _NOTHING
    given = match.kwargs.items()
    return frozenset(str(value) for name, value in given if value and is_secret(name))


class SecretWays:
    """The ways through the URL patterns on which something has a secret name: few of many."""

    def __init__(
        self, urlconf: Any, ways: Iterable[Sequence[Any]], is_secret: Callable[[str], bool]
    ) -> None:
        self._urlconf = urlconf
        self._is_secret = is_secret  # what is remembered of these ways follows from one REDACT
        self._ways = [way for patterns in ways if (way := _compiled(patterns))]

    def captured_in(self, path: str) -> frozenset[str]:
        """What stands in ``path`` where the URL patterns have a secret."""
        for way in self._ways:
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
                if self._is_without(path):
                    break
                return frozenset(
                    text for name, text in captured.items() if text and self._is_secret(name)
                )
        return _NOTHING

    def _is_without(self, path: str) -> bool:
        """Whether it leads to a page that has no secret, before it comes to one that has."""
        try:
            match = get_resolver(self._urlconf).resolve(path)
            return not any(map(self._is_secret, match.kwargs))
        except Exception:  # noqa: BLE001 (there is no such page, or a converter of the site's own fails)
            return False


_NO_WAYS = SecretWays(None, (), is_secret)


def secret_ways(request: HttpRequest) -> SecretWays:
    """Those of the site, as this request sees it: the same object as long as nothing changes."""
    urlconf = getattr(request, "urlconf", None) or settings.ROOT_URLCONF
    try:
        # Where nothing is translated nobody need ask for the language, which takes long.
        language = get_language() if _is_translated(urlconf) else None
        return _secret_ways(urlconf, tuple(conf.redact), language)
    except Exception as error:  # noqa: BLE001 (that of a pattern of the site's own)
        report("looking for secrets in the URL patterns", error)
        return _NO_WAYS


@lru_cache(maxsize=1024)
def _secret_ways(urlconf: Any, redacted: Sequence[str], language: str | None) -> SecretWays:
    is_secret = judge_of(redacted)
    # Off the text, as in (?P<token>…) and <str:token>: most need not be compiled for this.
    secret = [
        way
        for way in _ways(get_resolver(urlconf), ())
        if any(map(is_secret, _NAME.findall(" ".join(map(str, way)))))
    ]
    return SecretWays(urlconf, secret, is_secret)


@lru_cache(maxsize=1024)
def _is_translated(urlconf: Any) -> bool:
    """Whether what the patterns match may hang on the language."""
    ways = _ways(get_resolver(urlconf), ())
    return not all(_is_plain(pattern) for way in ways for pattern in way)


def _is_plain(pattern: Any) -> bool:
    """Whether it is one of Django's own, with a text that is not translated."""
    text = {RoutePattern: "_route", RegexPattern: "_regex"}.get(type(pattern))
    return text is not None and isinstance(getattr(pattern, text), str)


def _ways(resolver: URLResolver, before: Sequence[Any]) -> Iterator[Sequence[Any]]:
    before = (*before, resolver.pattern)
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from _ways(each, before)
        else:
            yield (*before, each.pattern)


def _compiled(patterns: Sequence[Any]) -> Way | None:
    *before, last = patterns
    try:
        return [*map(_begun, before), _ended(last)]
    except Exception as error:  # noqa: BLE001 (of a kind of the site's own)
        report("looking for secrets in a URL pattern", error)
        return None


def _begun(pattern: Any) -> "re.Pattern[str]":
    if isinstance(pattern, LocalePrefixPattern):  # in whichever language, or before it is added
        codes = "|".join(re.escape(code) for code, _name in settings.LANGUAGES)
        return re.compile(f"^(?:(?:{codes})/)?")
    expression: re.Pattern[str] = pattern.regex
    return expression


def _ended(pattern: Any) -> "re.Pattern[str]":
    """Also of a link that has lost its last slash, or has a full stop or a bracket behind it."""
    return re.compile(f"(?:{_END.sub('', pattern.regex.pattern)})[\\W_]*\\Z")


def without_secrets(secrets: Iterable[str], text: str) -> str:
    """``text`` with each of the secrets masked."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may be a part of another
        text = re.sub(rf"(?<=[/=]){re.escape(secret)}(?=[/?&#]|$)", MASK, text)
        if len(secret) >= SHORTEST_PART:
            text = text.replace(secret, MASK).replace(quote(secret), MASK)
    return text
