import re
from collections.abc import Mapping, Sequence
from fnmatch import translate
from functools import lru_cache
from inspect import signature
from random import SystemRandom
from typing import Any

from django.http import HttpRequest

from ..records import LONGEST
from ..redaction import redact
from ..reporting import report
from . import values
from .values import NO_STATUS, Answer, Condition, Describer

METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY")
)
_lots = SystemRandom()  # a site that seeds Python's own would have all or none in a sample


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
        self._path = values.pattern(values.typed("path", path, str))
        self.view = values.typed("view", view, str)
        self._view = None if view is None else re.compile(translate(view)).match
        self._methods = values.method_names(methods)
        self._status = values.status_names(status)
        self.user = user
        self._user = None if user is None else values.user_kind(user)
        self._when = None if when is None else values.function("when", when)
        self.log: bool = values.typed("log", log, bool)
        self._sample = values.share(sample)
        self._action = values.template(values.typed("action", action, str))
        self._extra: Mapping[str, Any] = extra if isinstance(extra, Mapping) else {}
        self._describe: Describer | None = None
        if extra is not None and not isinstance(extra, Mapping):
            self._describe = values.function("extra", extra)

    def matches(self, request: HttpRequest, response: Answer, user: Any) -> bool:
        """Whether the request meets every condition; ``user`` is None for an anonymous one."""
        if self._methods and request.method not in self._methods:
            return False
        if self._path and not self._path(request.path):
            return False
        if self._view and not self._view(_view_name(request) or ""):
            return False
        if self._status and not self._status & _status_of(response):
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


def _view_name(request: HttpRequest) -> str | None:
    match = request.resolver_match
    return None if match is None else match.view_name


def _status_of(response: Answer) -> frozenset[str]:
    code = 500 if response is None else response.status_code
    return frozenset((str(code), f"{code // 100}xx"))


@lru_cache(maxsize=4096)
def _default_action(method: str, view: str | None) -> str:
    return f"{method}_{_upper(view) if view else 'UNRESOLVED'}"[:LONGEST]


@lru_cache(maxsize=4096)
def _upper(view: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", view.upper()).strip("_") or "UNNAMED"
