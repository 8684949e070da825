"""Secrets are masked by the name they go under, before an event leaves the request."""

import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote_plus

from django.utils.datastructures import MultiValueDict
from django.utils.functional import Promise

from .conf import conf, once_per_value
from .encoding import ENDLESS

MASK = "********"

# Django's own list (SafeExceptionReporterFilter.hidden_settings) and more. Long words count
# anywhere in a name; short ones only where a word of the name begins or ends, since "otp" is also
# in "rootpath" and "api" in "capital".
_SECRET = re.compile(
    r"""
    token | secret | pass | pwd | signature | cookie | credential | sess(?:ion|id) | csrf | xsrf
    | auth | card | cvv | cvc | jwt | bearer | iban | private | hmac | creds | magic_?link
    | (?:mfa|totp|security|verification|activation|reset|recovery|backup)_?codes?
    | (?:database|webhook)_?url | samlresponse | account_?number | (?<![a-z])(?:dsn|salt)(?![a-z])
    | (?<![a-z])(?:api|key|otp) | (?:api|key|otp)s?(?![a-z])
    | (?<![a-z])(?:pin(?:code)?|sid|sig|ssn)(?![a-z])
    """,
    re.VERBOSE,
)
# Everyday words that hold one of those by chance.
_INNOCENT = re.compile(
    r"author(?!i[sz])|authority|keyword|keyboard|keynote|keyframe|keystroke|monkey|turkey|donkey"
    r"|hockey|jockey|whiskey|secretary|passenger|passage|passive|passing|passed|compass|bypass"
    r"|discard|cardinal|cardio|cardboard|wildcard|postcard|scorecard|flashcard"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# Possessive, and from the beginning of a name alone: else a long query takes quadratic time.
_PARAMETER = re.compile(r"(?<![^?&;#\s])([^?&;#=\s]++)=")
_SECRET_END = re.compile(r"[&#]")
_VALUE_END = re.compile(r"[?&;#]")
# Not what base64 is padded with.
_QUERY_ALONE = re.compile(r"[A-Za-z_][\w.\[\]-]{0,60}=(?==*[^=\s])\S*")
# What a value has to hold to be a URL with a secret, however often it is encoded.
_OF_URL = re.compile(r"[=@]|%(?:25)*(?:3d|40)", re.IGNORECASE)
_DECODED = re.compile(r"[?#@]")
_USERINFO = re.compile(r"(?<=//)[^/?#\s]*@")
_QUERY = re.compile(r"[?#]")
_LONGEST_NAME = 200
INNERMOST = 5  # URLs within URLs, and times that one is encoded; what goes on is masked whole
DEEPEST = 30  # levels of nesting: MariaDB takes no JSON of more than 32


@once_per_value
def judge_of(more: Sequence[str]) -> Callable[[str], bool]:
    """What tells secret names from others, where ``REDACT`` is ``more``."""
    own = tuple(part.lower() for part in more)

    @lru_cache(maxsize=4096)
    def judge(name: str) -> bool:
        lowered = name.lower()
        if any(part in lowered for part in own):
            return True
        words = _INNOCENT.sub(" ", _CAMEL.sub("_", name).lower())
        return _SECRET.search(words) is not None

    return judge


def is_secret(name: str) -> bool:
    """Whether a value that goes under ``name`` is masked: the built-in names and ``REDACT``."""
    return judge_of(conf.redact)(name[:_LONGEST_NAME])


def redact(value: Any) -> Any:
    """A copy of ``value`` in which what goes under a secret name is masked, however deep.

    In strings that are URLs or query strings, secrets are masked likewise. Raises ``ValueError``
    for what holds itself.
    """
    return _redact(value, 1)


def _redact(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _redact_text(value) if "=" in value or "@" in value else value
    if isinstance(value, Promise):  # of gettext_lazy() or reverse_lazy()
        return _redact(str(value), depth)
    if isinstance(value, Enum):
        return _redact(value.value, depth)
    if not isinstance(value, Mapping | list | tuple):
        return value
    if depth > DEEPEST:
        raise ValueError(ENDLESS)
    if isinstance(value, MultiValueDict):  # request.POST: all that was sent
        value = {key: sent[0] if len(sent) == 1 else sent for key, sent in value.lists()}
    if isinstance(value, Mapping):
        return {
            _redact_text(key) if isinstance(key, str) and "=" in key else key: MASK
            if isinstance(key, str) and item is not None and is_secret(key)
            else _redact(item, depth + 1)
            for key, item in value.items()
        }
    return [_redact(item, depth + 1) for item in value]


def _redact_text(text: str) -> str:
    return redact_query(text) if _QUERY_ALONE.fullmatch(text) else redact_url(text)


def redact_query(query: str, depth: int = 0) -> str:
    """``a=1&token=x`` as ``a=1&token=********``; ``depth``: of the URL that it is of in others."""
    kept, position = [], 0
    for found in _PARAMETER.finditer(query):
        name, start = found[1], found.end()
        if start < position:
            continue  # within a value that is masked
        if is_secret(unquote_plus(name)):
            # To the very end of the value: also what only some take for a separator.
            end, masked = _end(_SECRET_END, query, start), MASK
        else:
            end = _end(_VALUE_END, query, start)
            masked = _redact_inner(query[start:end], depth + 1)
        kept += [query[position:start], masked]
        position = end
    return "".join([*kept, query[position:]])


def _end(pattern: "re.Pattern[str]", text: str, start: int) -> int:
    found = pattern.search(text, start)
    return len(text) if found is None else found.start()


def _redact_inner(value: str, depth: int) -> str:
    """A value that is itself a URL, as that of ``?next=``."""
    if not _OF_URL.search(value):
        return value
    inner, times = unquote_plus(value), 1
    while "%" in inner and not _DECODED.search(inner) and times < INNERMOST:
        inner, times = unquote_plus(inner), times + 1
    if depth > INNERMOST or (times == INNERMOST and _OF_URL.search(inner)):
        return MASK
    masked = redact_url(inner, depth)
    return value if masked == inner else quote(masked, safe="/*")


def redact_url(url: str, depth: int = 0) -> str:
    """``url`` with its user and password, and the secrets of its query and fragment, masked."""
    if "@" in url:
        url = _USERINFO.sub(MASK + "@", url)
    start = _QUERY.search(url)
    return (
        url if start is None else url[: start.start()] + redact_query(url[start.start() :], depth)
    )
