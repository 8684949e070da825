"""Selection of the rule that applies to a request: the view's, the settings', the default."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from django.http import HttpRequest

from ...conf import Misconfigured, conf, once_per_settings
from ...text import MAX_PATH_LENGTH, cut
from .rule import KEYS, Rule
from .validators import OptionalResponse

DEFAULTS = "defaults"  # stands for the default rules at the end of REQUESTS

# The pages of the event log, whose readers would otherwise fill it, and what browsers load by
# themselves.
IGNORED_VIEWS = ("*:eventlog_log_*", "*jsi18n", "*javascript-catalog")
_ICONS = r"/(?:favicon\.ico|apple-touch-icon[\w-]*\.png)$"


def compile_rule(where: str, raw: Any) -> Rule:
    """Return the rule ``raw``, found at ``where`` in the settings. Raises ``Misconfigured``."""
    if not isinstance(raw, Mapping):
        raise Misconfigured(
            f"{where} is {raw!r}, which is not a dict.",
            f"Write a rule as a dict, or {DEFAULTS!r} for the default rules.",
            "eventlog.E002",
        )
    for key in raw:
        if key not in KEYS:
            close = get_close_matches(str(key), KEYS, 1)
            raise Misconfigured(
                f"{where} has the unknown key {key!r}.",
                f"Did you mean {close[0]!r}?" if close else f"Use one of: {', '.join(KEYS)}.",
                "eventlog.E001",
            )
    try:
        return Rule(**raw)
    except Misconfigured as error:
        raise Misconfigured(f"{where}: {error.message}", error.hint, error.check_id) from error


@once_per_settings
def _rules() -> Sequence[Rule | None]:
    """Return the rules of ``REQUESTS``, with None for ``DEFAULTS``."""
    raw: Sequence[Any] = [DEFAULTS] if conf.requests is None else conf.requests
    return [
        None if rule == DEFAULTS else compile_rule(f"EVENTLOG['REQUESTS'][{i}]", rule)
        for i, rule in enumerate(raw)
    ]


def select_rule(
    request: HttpRequest,
    response: OptionalResponse,
    user: Any,
    view_rule: Rule | None = None,
    *,
    before_loading: bool = False,
) -> Rule | None:
    """Return the first rule that matches: ``view_rule``, else a rule of ``REQUESTS``.

    See ``Rule.matches()`` for ``before_loading``.
    """
    for rule in _rules() if view_rule is None else (view_rule, *_rules()):
        if rule is None:
            return _IGNORED if _is_ignored(request) else _RECORDED
        if rule.matches(request, response, user, before_loading=before_loading):
            return rule
    return None


_IGNORED, _RECORDED = Rule(log=False), Rule()


def _is_ignored(request: HttpRequest) -> bool:
    """Return whether the default leaves out the request."""
    paths = _ignored_paths(conf.file_urls, request.META.get("SCRIPT_NAME") or "")
    if paths.search(cut(request.path, MAX_PATH_LENGTH)):
        return True
    match = request.resolver_match
    return match is not None and _is_ignored_view(match.view_name)


@lru_cache(maxsize=64)
def _ignored_paths(urls: Sequence[str], script: str) -> re.Pattern[str]:
    """Return the pattern of ignored paths of a site that is mounted at ``script``."""
    starts = [url for url in urls if url.startswith("/") and url != "/"]
    files = {path for url in starts for path in (url, script.rstrip("/") + url)}
    return re.compile("|".join([*("^" + re.escape(path) for path in sorted(files)), _ICONS]))


@lru_cache(maxsize=4096)
def _is_ignored_view(name: str | None) -> bool:
    return name is not None and any(fnmatchcase(name, glob) for glob in IGNORED_VIEWS)
