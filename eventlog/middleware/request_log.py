"""One request, from its arrival to its event."""

from datetime import datetime
from time import perf_counter
from types import TracebackType
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest

from ..backends import get_backend
from ..backends.capture import capture
from ..conf import conf
from ..error_log import report
from ..metadata import only_enabled
from ..metadata.context import RequestContext, current_context
from ..metadata.load_user import load_user
from ..metadata.user import has_session_cookie, user_and_state
from ..records.arguments import user_key_and_name
from ..records.encoding import encode_within
from ..records.record import Record, own_keys
from ..records.uid import new_uid
from ..records.user_state import ANONYMOUS, KNOWN, UNKNOWN
from ..threads import off_loop
from .rules import OptionalResponse, Rule, select_rule
from .rules.validators import status_of


class RequestLog(RequestContext):
    """Records one request. Its methods never raise.

    As a context manager, it is the context of the events that ``log()`` records in between.
    """

    __slots__ = (
        "_before",
        "_rule",
        "_started_at",
        "_started_seconds",
        "_use_settings_rules",
        "_user",
        "_user_state",
        "exception",
        "rule",
    )

    def __init__(self, request: HttpRequest, *, use_settings_rules: bool = True) -> None:
        """Start the clock. Without the middleware, only the rule of the view applies."""
        super().__init__(request)
        self._use_settings_rules = use_settings_rules
        self.rule: Rule | None = None  # the rule of the view, which precedes the settings' rules
        self.exception: BaseException | None = None  # raised by the view
        self._rule: Rule | None = None  # the rule that selects the request
        self._user: Any = None
        self._user_state = ANONYMOUS
        self._started_at = datetime.now(conf.time_zone)
        self._started_seconds = perf_counter()

    def __enter__(self) -> "RequestLog":
        self._before = current_context.get()
        current_context.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        current_context.set(self._before)
        if error is not None:
            self.exception = error

    def write(self, response: OptionalResponse) -> None:
        """Record the request if a rule selects it. Call this before the response is sent."""
        try:
            backend, milliseconds = get_backend(), self._milliseconds()
            if self._select(response):
                self._load_user(response)
            record = self._record(response, milliseconds)
            if record is not None and capture(record) is None:
                backend.write_isolated([record])
        except Exception as error:  # noqa: BLE001 (the visitor must get the page)
            report("recording a request", error)

    async def awrite(self, response: OptionalResponse) -> None:
        """Like ``write()``, for the event loop."""
        try:
            backend, milliseconds = get_backend(), self._milliseconds()
            if self._select(response):
                await sync_to_async(self._load_user)(response)
            record = self._record(response, milliseconds)
            if record is not None and capture(record) is None:
                await backend.awrite_isolated([record])
        except Exception as error:  # noqa: BLE001 (the visitor must get the page)
            report("recording a request", error)

    def _select(self, response: OptionalResponse) -> bool:
        """Select the rule. Return whether the user has to be loaded first."""
        try:
            self._user, self._user_state = user_and_state(self.request)
        except Exception as error:  # noqa: BLE001 (the site's user may raise anything)
            report("reading the user of a request", error)
            self._user_state = UNKNOWN
        can_load = self._user_state == UNKNOWN and has_session_cookie(self.request)
        rule = self._matching_rule(response, before_loading=can_load)
        if can_load and rule is not None and rule.loads_user and rule.user is not None:
            return True
        self._rule = _if_sampled(rule, response)
        return can_load and self._rule is not None and self._rule.loads_user

    def _load_user(self, response: OptionalResponse) -> None:
        try:
            self._user = load_user(self.request)
            self._user_state = ANONYMOUS if self._user is None else KNOWN
        except Exception as error:  # noqa: BLE001 (sessions and backends may raise anything)
            report("loading the user of a request", error)
        if self._rule is None:
            self._rule = _if_sampled(self._matching_rule(response), response)

    def _matching_rule(
        self, response: OptionalResponse, *, before_loading: bool = False
    ) -> Rule | None:
        request, user = self.request, self._user
        view_rule = self.rule or _rule_of_view(request)
        if self._use_settings_rules:
            return select_rule(request, response, user, view_rule, before_loading=before_loading)
        if view_rule and view_rule.matches(request, response, user, before_loading=before_loading):
            return view_rule
        return None

    def _milliseconds(self) -> float:
        return (perf_counter() - self._started_seconds) * 1000

    def _record(self, response: OptionalResponse, milliseconds: float) -> Record | None:
        if (rule := self._rule) is None:
            return None
        request, user = self.request, self._user
        action = rule.action(request, response)
        facts = self.facts() | self._outcome(response, milliseconds)
        user_id: int | str | None = None
        user_repr = ""
        added: dict[str, Any] = {}
        try:
            if user is not None:
                user_id, user_repr = off_loop(lambda: user_key_and_name(user))
            added = rule.extra(request, response)
            if given := self.given.extra:
                added = {**given, **added}
            extra = encode_within(facts | added if added else facts, conf.max_extra_bytes)
        except Exception as error:  # noqa: BLE001 (the site's user model or extra may raise anything)
            report("describing a request", error)
            added, extra = {}, encode_within(facts, conf.max_extra_bytes)
        return Record(
            action,
            self._started_at,
            user_id,
            user_repr,
            # A response 401 says that the site has examined the credentials.
            ANONYMOUS if user is None and status_of(response) == 401 else self._user_state,
            is_request=True,
            # A fact that the rule replaced is the application's now.
            ip=None if "ip" in added else facts.get("ip"),
            status=None if "status" in added else _storable_status(facts.get("status")),
            own_keys=own_keys(added),
            uid=new_uid(),
            extra=extra,
        )

    def _outcome(self, response: OptionalResponse, milliseconds: float) -> dict[str, Any]:
        outcome: dict[str, Any] = {"duration_ms": round(milliseconds, 1)}
        if (status := status_of(response)) is not None:
            outcome["status"] = status
        if self.exception is not None:
            outcome["exception"] = type(self.exception).__name__
        return only_enabled(outcome)


def _storable_status(status: int | None) -> int | None:
    """Return the status if the column can hold it, because a view may set any number."""
    return status if status is not None and 0 <= status < 1 << 15 else None


def _if_sampled(rule: Rule | None, response: OptionalResponse) -> Rule | None:
    return rule if rule is not None and rule.log and rule.is_sampled(response) else None


def _rule_of_view(request: HttpRequest) -> Rule | None:
    match = request.resolver_match
    if match is None:
        return None
    rule: Rule | None = getattr(match.func, "eventlog_rule", None)
    return rule or getattr(_handler(match.func, request), "eventlog_rule", None)


def _handler(view: Any, request: HttpRequest) -> Any:
    """Return the method of a class-based view that answers, if no permission check refuses."""
    cls = getattr(view, "view_class", None) or getattr(view, "cls", None)
    method = (request.method or "").lower()
    # The viewsets of REST framework have methods of any name.
    return getattr(cls, getattr(view, "actions", {}).get(method, method), None) if cls else None
