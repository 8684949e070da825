"""One request from the moment it comes in to the event that it leaves."""

from time import perf_counter
from types import TracebackType
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from ..backends import get_backend
from ..context import Origin, current_origin
from ..encoding import encode
from ..metadata import known_user, wanted
from ..records import Record, user_parts
from ..reporting import report
from ..rules import Answer, Rule, deciding_rule


class Recording(Origin):
    """Watches one request and writes its event. Nothing here ever raises.

    As a context manager it is the origin of what ``log()`` records meanwhile.
    """

    __slots__ = ("_alone", "_before", "_began", "_started", "exception", "rule")

    def __init__(self, request: HttpRequest, *, alone: bool = False) -> None:
        super().__init__(request)
        self._alone = alone  # without the middleware: no rule but that of the view
        self.rule: Rule | None = None  # of the view; it goes before the rules of the settings
        self.exception: BaseException | None = None  # raised by the view
        self._began = timezone.now()
        self._started = perf_counter()

    def __enter__(self) -> "Recording":
        self._before = current_origin.get()
        current_origin.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        current_origin.set(self._before)
        if error is not None:
            self.exception = error

    def write(self, response: Answer) -> None:
        """Record the request if a rule says so. To be called before the response leaves."""
        try:
            backend = get_backend()
            if (record := self._record(response)) is not None:
                backend.write_apart([record])
        except Exception as error:  # noqa: BLE001 (whatever it is, the visitor gets the page)
            report("recording a request", error)

    async def awrite(self, response: Answer) -> None:
        """See write()."""
        try:
            backend = get_backend()
            if (record := self._record(response)) is not None:
                await backend.awrite_apart([record])
        except Exception as error:  # noqa: BLE001 (whatever it is, the visitor gets the page)
            report("recording a request", error)

    def _record(self, response: Answer) -> Record | None:
        milliseconds = (perf_counter() - self._started) * 1000
        request = self.request
        user = known_user(request)
        own = self.rule or _rule_of_view(request)
        if self._alone:
            rule = own if own is not None and own.matches(request, response, user) else None
        else:
            rule = deciding_rule(request, response, user, own)
        if rule is None or not rule.log or not rule.keeps(response):
            return None
        action = rule.action(request, response)
        facts = self.facts() | self._outcome(response, milliseconds)
        try:
            added = rule.extra(request, response)
            extra = encode(facts | added if added else facts)
            return Record(action, self._began, *user_parts(user), extra=extra)
        except Exception as error:  # noqa: BLE001 (a user object or an extra of the site's own)
            report("describing a request", error)
            return Record(action, self._began, extra=encode(facts))

    def _outcome(self, response: Answer, milliseconds: float) -> dict[str, Any]:
        outcome: dict[str, Any] = {"duration_ms": round(milliseconds, 1)}
        if response is not None:
            outcome["status"] = int(response.status_code)
        if self.exception is not None:
            outcome["exception"] = type(self.exception).__name__
        return wanted(outcome)


def _rule_of_view(request: HttpRequest) -> Rule | None:
    match = request.resolver_match
    return None if match is None else getattr(match.func, "eventlog_rule", None)
