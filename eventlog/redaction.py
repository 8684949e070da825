"""Secrets are masked by the name they go under, before an event leaves the request."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote_plus

from .conf import conf, once_per_value
from .encoding import ENDLESS

MASK = "********"

# Django's own list (SafeExceptionReporterFilter.hidden_settings) and more. Long words count
# anywhere in a name; short ones only where a word of the name begins or ends, since "otp" is also
# in "rootpath" and "api" in "capital".
_SECRET = re.compile(
    r"""
    token | secret | pass | pwd | signature | cookie | credential | session | csrf | xsrf
    | auth | card | cvv | cvc | jwt | bearer | iban | private
    | (?<![a-z])(?:api|key|otp) | (?:api|key|otp)(?![a-z])
    | (?<![a-z])(?:pin|sid|sig|ssn)(?![a-z])
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
_PARAMETER = re.compile(r"([^?&;#=\s]+)=([^?&;#\s]*)")
_USERINFO = re.compile(r"(?<=//)[^/?#@\s]*@")
_QUERY = re.compile(r"[?#]")
_LONGEST_NAME = 200


@once_per_value
def _judge(more: Sequence[str]) -> Callable[[str], bool]:
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
    return _judge(conf.redact)(name[:_LONGEST_NAME])


def redact(value: Any) -> Any:
    """A copy of ``value`` in which what goes under a secret name is masked, however deep.

    In strings that are URLs the query is masked likewise. Raises ``ValueError`` for what holds
    itself.
    """
    try:
        return _redact(value)
    except RecursionError as error:
        raise ValueError(ENDLESS) from error


def _redact(value: Any) -> Any:
    if isinstance(value, str):
        return redact_url(value) if "=" in value or "@" in value else value
    if isinstance(value, Mapping):
        return {
            key: MASK
            if isinstance(key, str) and item is not None and is_secret(key)
            else _redact(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_redact(item) for item in value]
    return value


def redact_query(query: str) -> str:
    """``a=1&token=x`` as ``a=1&token=********``."""
    return _PARAMETER.sub(_mask_parameter, query) if "=" in query else query


def redact_url(url: str) -> str:
    """``url`` with its user and password, and the secrets of its query and fragment, masked."""
    if "//" in url:
        url = _USERINFO.sub(MASK + "@", url)
    start = _QUERY.search(url)
    return url if start is None else url[: start.start()] + redact_query(url[start.start() :])


def _mask_parameter(found: "re.Match[str]") -> str:
    name, value = found[1], found[2]
    if is_secret(unquote_plus(name)):
        return f"{name}={MASK}"
    if "%3d" in value.lower():  # a URL within the URL, as in ?next=
        inner = unquote_plus(value)
        masked = redact_url(inner)
        if masked != inner:
            return f"{name}={quote(masked, safe='/*')}"
    return found[0]
