"""Which of the rules decides over a request: that of the view, those of the settings, our own."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from django.http import HttpRequest

from ..conf import Misconfigured, conf, once_per_value
from .rule import KEYS, Rule
from .values import Answer


def compile_rule(where: str, raw: Any) -> Rule:
    """The rule that stands at ``where`` in the settings; raises ``Misconfigured``."""
    if not isinstance(raw, Mapping):
        raise Misconfigured(f"{where} is {raw!r}, no dict.", "Give a rule.", "eventlog.E002")
    for key in raw:
        if key not in KEYS:
            close = get_close_matches(str(key), KEYS, 1)
            raise Misconfigured(
                f"{where} has the key {key!r}, which rules do not know.",
                f"Did you mean {close[0]!r}?" if close else f"Rules know {', '.join(KEYS)}.",
                "eventlog.E001",
            )
    try:
        return Rule(**raw)
    except Misconfigured as error:
        raise Misconfigured(f"{where}: {error.message}", error.hint, error.check_id) from error


@once_per_value
def _compile(raw: Sequence[Any]) -> Sequence[Rule]:
    return [compile_rule(f"EVENTLOG['REQUESTS'][{i}]", rule) for i, rule in enumerate(raw)]


def deciding_rule(
    request: HttpRequest, response: Answer, user: Any, own: Rule | None = None
) -> Rule | None:
    """The first rule that matches: ``own``, that of the view, and then those of ``REQUESTS``."""
    if own is not None and own.matches(request, response, user):
        return own
    for rule in _rules(request):
        if rule.matches(request, response, user):
            return rule
    return None


def _rules(request: HttpRequest) -> Sequence[Rule]:
    if (raw := conf.requests) is not None:
        return _compile(raw)
    return _all_but_files(conf.file_urls, request.META.get("SCRIPT_NAME") or "")


@lru_cache(maxsize=64)
def _all_but_files(urls: Sequence[str], script: str) -> Sequence[Rule]:
    """The default, for a site that is mounted at ``script``."""
    absolute = (
        u if u.startswith(("/", "http:", "https:")) else f"{script.rstrip('/')}/{u}" for u in urls
    )
    files = [url for url in absolute if url.startswith("/") and url != "/"]
    return [*(Rule(path="^" + re.escape(url), log=False) for url in files), Rule()]
