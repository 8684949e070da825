"""One rule: conditions that a request must meet, and how to record it."""

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase, translate
from functools import lru_cache
from inspect import signature
from random import SystemRandom
from typing import Any

from django.http import HttpRequest

from ...conf import conf
from ...error_log import report
from ...records.arguments import MAX_TEXT_LENGTH, checked_action
from ...records.redaction import redact
from ...text import MAX_PATH_LENGTH, cut
from . import validators
from .validators import NO_STATUS, Condition, Describer, Namer, OptionalResponse

METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY")
)
_random = SystemRandom()  # A site may seed Python's generator, which would bias the sample.


class Rule:
    """A rule of ``EVENTLOG["REQUESTS"]`` or of ``log_request()``.

    A request must meet all conditions:

    - ``path``: a regular expression that is searched in the path
    - ``view``: a glob for the view's name with its namespaces
    - ``methods``: HTTP methods
    - ``status``: codes, or classes such as ``"5xx"``
    - ``user``: ``"authenticated"``, ``"anonymous"``, ``"staff"`` or ``"superuser"``
    - ``when``: a callable ``(request, response) -> bool``, or its dotted path

    The other keys say how to record it:

    - ``log``: False to skip the request
    - ``sample``: the share of requests to record; errors (status 400 and up) are always recorded
    - ``action``: a name that may contain ``{method}``, ``{view}`` and ``{status}``, a callable
      ``(request, response) -> str``, or its dotted path
    - ``extra``: a dict, a callable ``(request, response) -> dict``, or its dotted path
    - ``load_user``: True or False to replace ``EVENTLOG["LOAD_USER"]``

    Raises ``Misconfigured`` for an invalid value.
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
        action: str | Namer | None = None,
        extra: Mapping[str, Any] | str | Describer | None = None,
        load_user: bool | None = None,
    ) -> None:
        self.path: str | None = path
        self._path = validators.pattern(validators.typed("path", path, str))
        self.view = validators.typed("view", view, str)
        self._view = None if view is None else re.compile(translate(view)).match
        self.methods = validators.method_names(methods)
        self.status = validators.status_names(status)
        self.user = user
        self._user = None if user is None else validators.user_kind(user)
        self.when = None if when is None else validators.function("when", when)
        self.log: bool = validators.typed("log", log, bool)
        self._sample = validators.validate_sample(sample)
        self._namer = validators.action_function(action)
        self._action = None if self._namer else validators.template(action)
        self._load_user: bool | None = validators.typed("load_user", load_user, bool)
        self._extra: Mapping[str, Any] = {}
        self._describe: Describer | None = None
        if isinstance(extra, Mapping):
            self._extra = validators.fixed_extra(extra)
        elif extra is not None:
            self._describe = validators.function("extra", extra)

    def covers(self, other: "Rule") -> bool:
        """Return whether this rule certainly matches every request that ``other`` matches."""
        return (
            (not self.path or self.path == other.path)
            and (self.view is None or _includes(self.view, other.view))
            and (not self.methods or frozenset() < other.methods <= self.methods)
            and (not self.status or self._covers_status(other.status))
            and self.user in (None, other.user)
            and self.when in (None, other.when)
        )

    def _covers_status(self, names: frozenset[str]) -> bool:
        return bool(names) and all({name, f"{name[0]}xx"} & self.status for name in names)

    @property
    def loads_user(self) -> bool:
        """True if eventlog loads the user of a request that the site did not load."""
        return conf.load_user if self._load_user is None else self._load_user

    def matches(
        self,
        request: HttpRequest,
        response: OptionalResponse,
        user: Any,
        *,
        before_loading: bool = False,
    ) -> bool:
        """Return whether the request meets every condition. ``user`` is None if anonymous.

        ``before_loading``, a rule that loads the user passes its own condition of the user.
        """
        if self.methods and request.method not in self.methods:
            return False
        if self._path and not self._path(cut(request.path, MAX_PATH_LENGTH)):
            return False
        if self._view and not self._view(_view_name(request) or ""):
            return False
        if self.status and not self.status & _status_of(response):
            return False
        if self._user and not (before_loading and self.loads_user) and not self._user(user):
            return False
        return self.when is None or self._condition_holds(self.when, request, response)

    def _condition_holds(
        self, when: Condition, request: HttpRequest, response: OptionalResponse
    ) -> bool:
        try:
            return bool(when(request, response))
        except Exception as error:  # noqa: BLE001 (the site's code may raise anything)
            report("a rule's 'when'", error)
            return self.log  # In doubt, the request is recorded.

    def is_sampled(self, response: OptionalResponse) -> bool:
        """Return whether the request is in the sample, as all errors are."""
        return (
            self._sample >= 1
            or response is None
            or (validators.status_of(response) or 0) >= 400
            or _random.random() < self._sample
        )

    def action(self, request: HttpRequest, response: OptionalResponse) -> str:
        """Return the action of the event. Visitors cannot make up new actions.

        The promise does not cover a callable of the site, which has to return few different names.
        """
        if self._namer is not None:
            try:
                return checked_action(self._namer(request, response))
            except Exception as error:  # noqa: BLE001 (the site's code may raise anything)
                report("a rule's 'action'", error)
        method = request.method if request.method in METHODS else "OTHER"
        view = _view_name(request)
        if self._action is None:
            return _default_action(method or "OTHER", view)
        return self._action.format(
            method=method,
            view=_upper(view) if view else "UNRESOLVED",
            status=validators.status_of(response) or NO_STATUS,
        )[:MAX_TEXT_LENGTH]

    def extra(self, request: HttpRequest, response: OptionalResponse) -> dict[str, Any]:
        """Return the values that the rule adds to the request's facts, with secrets masked."""
        added = self._extra
        if self._describe is not None:
            try:
                added = dict(self._describe(request, response))
            except Exception as error:  # noqa: BLE001 (the site's code may raise anything)
                report("a rule's 'extra'", error)
        masked: dict[str, Any] = redact(added) if added else {}
        return masked


def _includes(glob: str, other: str | None) -> bool:
    """Return whether ``glob`` matches every name that the glob ``other`` matches."""
    if glob in ("*", other):
        return True
    plain = other is not None and not set(other) & set("*?[")
    prefix = other is not None and not set(glob[:-1]) & set("*?[") and glob.endswith("*")
    return (plain or prefix) and fnmatchcase(other or "", glob)


KEYS = tuple(signature(Rule.__init__).parameters)[1:]


def _view_name(request: HttpRequest) -> str | None:
    match = request.resolver_match
    return None if match is None else match.view_name


def _status_of(response: OptionalResponse) -> frozenset[str]:
    code = 500 if response is None else validators.status_of(response)
    if code is None:
        return frozenset()
    return frozenset((str(code), f"{code // 100}xx"))


@lru_cache(maxsize=4096)
def _default_action(method: str, view: str | None) -> str:
    return f"{method}_{_upper(view) if view else 'UNRESOLVED'}"[:MAX_TEXT_LENGTH]


@lru_cache(maxsize=4096)
def _upper(view: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", view.upper()).strip("_") or "UNNAMED"
