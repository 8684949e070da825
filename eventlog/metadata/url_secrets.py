"""Secrets in paths, such as ``reset/<token>/``."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest
from django.urls import URLResolver, get_resolver
from django.urls.converters import IntConverter
from django.urls.resolvers import LocalePrefixPattern, RegexPattern, RoutePattern
from django.utils.translation import get_language

from ..conf import conf
from ..error_log import report
from ..records.redaction import MASK, NUMERIC, current_classifier, hides_in_path
from ..text import MAX_PATH_LENGTH

MIN_PART_LENGTH = 4  # characters of a secret that is masked even within a word

_NAME = re.compile(r"<(?:[^<>:]+:)?(\w+)>")
_END = re.compile(r"(?<!\\)/?(?:\\Z|\\z|\$)?$")  # the end of a pattern, with a slash before it
# The characters at the start of an expression that only match themselves.
_LITERAL = re.compile(r"\^((?:(?:[\w/-]|\\\W)(?![*?+{]))*)")
_FLAGS = re.compile(r"^\(\?[aimsux]+\)")  # such as (?i), which may only start an expression
_NOTHING: frozenset[str] = frozenset()

# The expressions of nested URL patterns, each with the names of its integer parameters.
CompiledPath = Sequence[tuple["re.Pattern[str]", frozenset[str]]]


def given_to_view(request: HttpRequest) -> frozenset[str]:
    """Return the secrets among the arguments of the view."""
    match = request.resolver_match
    if match is None or not match.kwargs:
        return _NOTHING
    classify = current_classifier()
    return frozenset(
        str(value)
        for name, value in match.kwargs.items()
        if value and (level := classify(name)) > 0 and _is_hidden(level, value)
    )


def _is_hidden(level: int, value: Any) -> bool:
    if isinstance(value, int | float):
        return level >= NUMERIC
    return hides_in_path(level, str(value))


def captures_secret(request: HttpRequest) -> bool:
    """Return whether the view has a parameter with a secret name."""
    match = request.resolver_match
    return match is not None and any(level > 0 for level in map(current_classifier(), match.kwargs))


class SecretPatterns:
    """URL patterns that capture a parameter with a secret name."""

    def __init__(
        self, urlconf: Any, paths: Iterable[Sequence[Any]], classify: Callable[[str], int]
    ) -> None:
        self._urlconf = urlconf
        self._classify = classify
        self._paths = [path for patterns in paths if (path := _compiled(patterns))]
        # Most paths are dismissed by these texts, because expressions take longer
        # (benchmarks.loop).
        self._starts = tuple({literal_start(path) for path in self._paths})

    def captured_in(self, path: str) -> frozenset[str]:
        """Return the secrets that the URL patterns capture in ``path``.

        Only the first ``MAX_PATH_LENGTH`` characters are examined, because a site's patterns may
        take quadratic time.
        """
        if not path.startswith(self._starts):
            return _NOTHING
        endings = _without_endings(path)
        for compiled in self._paths:
            for rest in endings:
                captured = _captured(compiled, rest)
                if captured is not None:
                    if self._has_match_without_secrets(path[:MAX_PATH_LENGTH]):
                        return _NOTHING
                    return self._secrets(captured)
        return _NOTHING

    def _secrets(self, captured: Mapping[str, tuple[str, bool]]) -> frozenset[str]:
        return frozenset(
            text
            for name, (text, is_integer) in captured.items()
            if (level := self._classify(name)) > 0
            and (level >= NUMERIC if is_integer else hides_in_path(level, text))
        )

    def _has_match_without_secrets(self, path: str) -> bool:
        """Return whether an earlier pattern without secrets matches ``path``."""
        try:
            match = get_resolver(self._urlconf).resolve(path)
            return not any(level > 0 for level in map(self._classify, match.kwargs))
        except Exception:  # noqa: BLE001 (Resolver404, or an error in a converter of the site)
            return False


def _without_endings(path: str) -> Sequence[str]:
    """Return ``path`` without its last slash, and without punctuation that may follow a link.

    A token may itself end in "-" or "_", so both readings are returned.
    """
    size = len(path)
    while size and not (path[size - 1].isalnum() or path[size - 1] in "-_"):
        size -= 1
    shorter = size
    while shorter and not path[shorter - 1].isalnum():
        shorter -= 1
    # "/" alone remains a path, because patterns begin after the first slash.
    readings = (path[: len(path) - path.endswith("/")], path[:size], path[:shorter])
    return [*dict.fromkeys(reading[:MAX_PATH_LENGTH] or "/" for reading in readings)]


def _captured(compiled: CompiledPath, rest: str) -> dict[str, tuple[str, bool]] | None:
    """Return the texts that the patterns capture in a path, and whether each is an integer."""
    captured: dict[str, tuple[str, bool]] = {}
    for expression, integers in compiled:
        # Use the text itself, because a converter changes the value.
        found = expression.search(rest)
        if found is None:
            return None
        captured |= {
            name: (text, name in integers) for name, text in found.groupdict().items() if text
        }
        rest = rest[found.end() :]
    return captured


_NO_PATTERNS = SecretPatterns(None, (), lambda name: 0)


def secret_patterns(request: HttpRequest) -> SecretPatterns:
    """Return the patterns of the URLconf of ``request``: the same object for the same settings."""
    urlconf = vars(request).get("urlconf") or conf.root_urlconf
    try:
        # Read the language only for translated patterns, because get_language() is slow.
        language = get_language() if _is_translated(urlconf) else None
        return _patterns_of(urlconf, current_classifier(), language)
    except Exception as error:  # noqa: BLE001 (the site's own patterns may raise anything)
        report("looking for secrets in the URL patterns", error)
        return _NO_PATTERNS


@lru_cache(maxsize=1024)
def _patterns_of(
    urlconf: Any, classify: Callable[[str], int], language: str | None
) -> SecretPatterns:
    # Names are read from the text of a pattern, so that few patterns have to be compiled.
    secret = [
        patterns
        for patterns in _paths(get_resolver(urlconf), ())
        if any(level > 0 for level in map(classify, _NAME.findall(" ".join(map(str, patterns)))))
    ]
    return SecretPatterns(urlconf, secret, classify)


@lru_cache(maxsize=1024)
def _is_translated(urlconf: Any) -> bool:
    """Return whether some pattern may depend on the language."""
    paths = _paths(get_resolver(urlconf), ())
    return not all(_is_untranslated(pattern) for patterns in paths for pattern in patterns)


def _is_untranslated(pattern: Any) -> bool:
    """Return whether ``pattern`` is one of Django's classes, with a plain string."""
    text = {RoutePattern: "_route", RegexPattern: "_regex"}.get(type(pattern))
    return text is not None and isinstance(getattr(pattern, text), str)


def _paths(resolver: URLResolver, before: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield the nested patterns that lead to each view."""
    before = (*before, resolver.pattern)
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from _paths(each, before)
        else:
            yield (*before, each.pattern)


def _compiled(patterns: Sequence[Any]) -> CompiledPath | None:
    *before, last = patterns
    try:
        expressions = [*map(_prefix_expression, before), _last_expression(last)]
        return [*zip(expressions, map(_integers, patterns), strict=True)]
    except Exception as error:  # noqa: BLE001 (the site's own pattern classes may raise anything)
        report("looking for secrets in a URL pattern", error)
        return None


def literal_starts_of_urls() -> frozenset[str]:
    """Return the literal texts with which the paths of the root URLconf start."""
    paths = map(_compiled, _paths(get_resolver(), ()))
    return frozenset("" if path is None else literal_start(path) for path in paths)


def literal_start(compiled: CompiledPath) -> str:
    """Return the literal text at the start of every path that these expressions match."""
    start = ""
    for expression, _ in compiled:
        source = expression.pattern.removeprefix("(?:")  # see _last_expression()
        found = _LITERAL.match(source)
        if found is None or "|" in source or expression.flags & ~re.UNICODE:
            break
        start += re.sub(r"\\(.)", r"\1", found[1])
        if found.end() < len(source):
            break
    return start


def _integers(pattern: Any) -> frozenset[str]:
    """Return the names of the parameters that an ``int`` converter reads."""
    converters = getattr(pattern, "converters", {})
    return frozenset(
        name for name, converter in converters.items() if isinstance(converter, IntConverter)
    )


def _prefix_expression(pattern: Any) -> "re.Pattern[str]":
    if isinstance(pattern, LocalePrefixPattern):  # Any language matches, and none.
        codes = "|".join(re.escape(code) for code, _name in settings.LANGUAGES)
        return re.compile(f"^(?:(?:{codes})/)?")
    expression: re.Pattern[str] = pattern.regex
    return expression


def _last_expression(pattern: Any) -> "re.Pattern[str]":
    """Return the expression of the last pattern, for a path without its last slash."""
    expression: re.Pattern[str] = pattern.regex
    source = _END.sub("", _FLAGS.sub("", expression.pattern))
    return re.compile(f"(?:{source})\\Z", expression.flags)


def mask_values(secrets: Iterable[str], text: str) -> str:
    """Return ``text`` with each of the secrets masked."""
    for secret in sorted(secrets, key=len, reverse=True):  # A secret may be part of another.
        if len(secret) >= MIN_PART_LENGTH:
            text = text.replace(secret, MASK).replace(quote(secret), MASK)
        else:
            text = re.sub(rf"(?<=[/=]){re.escape(secret)}(?=[/?&#]|$)", MASK, text)
    return text
