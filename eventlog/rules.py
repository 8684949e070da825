"""Which requests are recorded, under which action, with which extra."""

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import translate
from functools import lru_cache
from inspect import iscoroutinefunction, signature
from random import SystemRandom
from string import Formatter
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

from .conf import Misconfigured, conf, once_per_value
from .records import LONGEST
from .redaction import redact
from .reporting import report
from .text import clean

Answer = HttpResponseBase | None  # None: the view was cancelled, or its exception goes on
Condition = Callable[[HttpRequest, Answer], bool]
Describer = Callable[[HttpRequest, Answer], Mapping[str, Any]]

METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY")
)
USERS: dict[str, Callable[[Any], bool]] = {
    "authenticated": lambda user: user is not None,
    "anonymous": lambda user: user is None,
    "staff": lambda user: bool(getattr(user, "is_staff", False)),
    "superuser": lambda user: bool(getattr(user, "is_superuser", False)),
}
NAMES = ("method", "view", "status")  # what an action may be made of
NO_STATUS = "NONE"  # of a request that was cancelled
_lots = SystemRandom()  # a site that seeds Python's own would have all or none in a sample
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # what a method may be called: RFC 9110, 5.6.2
_STATUS = re.compile(r"[1-5](?:xx|[0-9]{2})", re.IGNORECASE)


class Rule:
    """Conditions, all of which a request must meet, and what is then to be done.

    Conditions: ``path``, a regular expression found in the path; ``view``, a glob over the view's
    name with its namespaces; ``methods``; ``status``, codes or classes as ``"5xx"``; ``user``, one
    of ``"authenticated"``, ``"anonymous"``, ``"staff"``, ``"superuser"``; ``when``, a callable of
    request and response, or its dotted path.

    Then: ``log``, False to leave the request out; ``sample``, the share that is kept, beside all
    errors (status 400 and up); ``action``, a name that may hold ``{method}``, ``{view}`` and
    ``{status}``; ``extra``, a dict or a callable of request and response that gives one.

    Raises ``Misconfigured`` for a value that does not fit.
    """

    def __init__(
        self,
        *,
        path: str | None = None,
        view: str | None = None,
        methods: str | Sequence[str] | None = None,
        status: int | str | Sequence[int | str] | None = None,
        user: str | None = None,
        when: str | Condition | None = None,
        log: bool = True,
        sample: float = 1.0,
        action: str | None = None,
        extra: Mapping[str, Any] | str | Describer | None = None,
    ) -> None:
        self._path = _pattern(_typed("path", path, str))
        self.view = _typed("view", view, str)
        self._view = None if view is None else re.compile(translate(view)).match
        self._methods = frozenset(text.upper() for text in _methods(methods))
        self._status = _statuses(status)
        self.user = user
        self._user = None if user is None else _user_kind(user)
        self._when = None if when is None else _callable("when", when)
        self.log: bool = _typed("log", log, bool)
        self._sample = _share(sample)
        self._action = _template(_typed("action", action, str))
        self._extra: Mapping[str, Any] = extra if isinstance(extra, Mapping) else {}
        self._describe: Describer | None = None
        if extra is not None and not isinstance(extra, Mapping):
            self._describe = _callable("extra", extra)

    def matches(self, request: HttpRequest, response: Answer, user: Any) -> bool:
        """Whether the request meets every condition; ``user`` is None for an anonymous one."""
        if self._methods and request.method not in self._methods:
            return False
        if self._path and not self._path(request.path):
            return False
        if self._view and not self._view(_view_name(request) or ""):
            return False
        if self._status and not self._status & _status_names(response):
            return False
        if self._user and not self._user(user):
            return False
        return self._when is None or self._wants(self._when, request, response)

    def _wants(self, when: Condition, request: HttpRequest, response: Answer) -> bool:
        try:
            return bool(when(request, response))
        except Exception as error:  # noqa: BLE001 (a site's own code)
            report("a rule's 'when'", error)
            return self.log  # in doubt the request is recorded

    def keeps(self, response: Answer) -> bool:
        """Whether this one is in the sample. Errors always are."""
        return (
            self._sample >= 1
            or response is None
            or response.status_code >= 400
            or _lots.random() < self._sample
        )

    def action(self, request: HttpRequest, response: Answer) -> str:
        """The event's action. Its number is bounded, whatever visitors send."""
        method = request.method if request.method in METHODS else "OTHER"
        view = _view_name(request)
        if self._action is None:
            return _default_action(method or "OTHER", view)
        return self._action.format(
            method=method,
            view=_upper(view) if view else "UNRESOLVED",
            status=NO_STATUS if response is None else response.status_code,
        )[:LONGEST]

    def extra(self, request: HttpRequest, response: Answer) -> dict[str, Any]:
        """What the rule adds to the facts of the request, with secrets masked."""
        added = self._extra
        if self._describe is not None:
            try:
                added = dict(self._describe(request, response))
            except Exception as error:  # noqa: BLE001 (a site's own code)
                report("a rule's 'extra'", error)
        masked: dict[str, Any] = redact(added) if added else {}
        return masked


KEYS = tuple(signature(Rule.__init__).parameters)[1:]


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


def _view_name(request: HttpRequest) -> str | None:
    match = request.resolver_match
    return None if match is None else match.view_name


def _status_names(response: Answer) -> frozenset[str]:
    code = 500 if response is None else response.status_code
    return frozenset((str(code), f"{code // 100}xx"))


@lru_cache(maxsize=4096)
def _default_action(method: str, view: str | None) -> str:
    return f"{method}_{_upper(view) if view else 'UNRESOLVED'}"[:LONGEST]


@lru_cache(maxsize=4096)
def _upper(view: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", view.upper()).strip("_") or "UNNAMED"


def _wrong(key: str, value: Any, fix: str, check_id: str) -> Misconfigured:
    return Misconfigured(f"{key!r} is {value!r}.", fix, check_id)


def _typed(key: str, value: Any, kind: type) -> Any:
    if value is not None and not isinstance(value, kind):
        raise _wrong(key, value, f"It has to be a {kind.__name__}.", "eventlog.E002")
    return value


def _texts(key: str, value: str | Sequence[str] | None) -> Sequence[str]:
    texts = (value,) if isinstance(value, str) else () if value is None else value
    if not isinstance(texts, list | tuple | set | frozenset) or not all(
        isinstance(text, str) for text in texts
    ):
        raise _wrong(key, value, "It has to be a list of strings.", "eventlog.E002")
    return tuple(texts)


def _methods(methods: str | Sequence[str] | None) -> Sequence[str]:
    names = _texts("methods", methods)
    if not all(map(_TOKEN.fullmatch, names)):
        raise _wrong("methods", methods, "Give a list, as ['POST', 'PUT'].", "eventlog.E006")
    return names


def _pattern(path: str | None) -> Callable[[str], Any] | None:
    if path is None:
        return None
    try:
        return re.compile(path).search
    except re.error as error:
        raise _wrong(
            "path", path, f"It is no regular expression: {error}.", "eventlog.E003"
        ) from error


def _statuses(status: int | str | Sequence[int | str] | None) -> frozenset[str]:
    many = status if isinstance(status, list | tuple | set | frozenset) else (status,)
    names = [str(one).lower() for one in many if one is not None]
    for name in names:
        if not _STATUS.fullmatch(name):
            raise _wrong(
                "status", status, "Give codes as 404, or classes as '5xx'.", "eventlog.E006"
            )
    return frozenset(names)


def _user_kind(user: str) -> Callable[[Any], bool]:
    if not isinstance(user, str) or user not in USERS:
        raise _wrong("user", user, f"Give one of {', '.join(USERS)}.", "eventlog.E006")
    return USERS[user]


def _share(sample: float) -> float:
    if isinstance(sample, bool) or not isinstance(sample, int | float):
        raise _wrong("sample", sample, "It has to be a number.", "eventlog.E002")
    if not 0 <= sample <= 1:
        raise _wrong("sample", sample, "Give a share between 0 and 1.", "eventlog.E006")
    return sample


def _callable(key: str, value: Any) -> Callable[[HttpRequest, Answer], Any]:
    found = value
    if isinstance(value, str):
        try:
            found = import_string(value)
        except ImportError as error:
            raise _wrong(key, value, f"It cannot be imported: {error}.", "eventlog.E004") from error
    if not callable(found) or iscoroutinefunction(found):
        raise _wrong(
            key,
            value,
            "Give a plain function of request and response, or its dotted path.",
            "eventlog.E002",
        )
    result: Callable[[HttpRequest, Answer], Any] = found
    return result


def _template(action: str | None) -> str | None:
    if action is None:
        return None
    try:
        names = {name for _, name, _, _ in Formatter().parse(action) if name is not None}
    except ValueError as error:
        raise _wrong("action", action, f"{error}.", "eventlog.E006") from error
    if not action.strip() or len(action) > LONGEST or names - set(NAMES):
        raise _wrong(
            "action",
            action,
            f"Give a name of at most {LONGEST} characters; "
            f"in braces it may hold {', '.join(NAMES)}.",
            "eventlog.E006",
        )
    try:
        filled = [action.format(method="GET", view="VIEW", status=s) for s in (200, NO_STATUS)]
    except (ValueError, IndexError, KeyError) as error:
        raise _wrong(
            "action", action, f"It cannot be filled in: {error}.", "eventlog.E006"
        ) from error
    if not all(map(str.strip, filled)):
        raise _wrong("action", action, "Nothing would be left of it.", "eventlog.E006")
    return clean(action, LONGEST)
