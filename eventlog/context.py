"""The request that is being answered, so that ``log()`` at any depth knows where it came from."""

from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest

from .metadata import describe


class Origin:
    """Where events come from: a request, whose facts are read once for all its events."""

    __slots__ = ("_facts", "request")

    user: tuple[int | str | None, str] | None = None  # key and name, where nobody else knows them

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self._facts: dict[str, Any] | None = None

    def facts(self) -> dict[str, Any]:
        """The facts of the request, as ``FIELDS`` wants them. Not to be changed."""
        if self._facts is not None:
            return self._facts
        facts = describe(self.request)
        if self.request.resolver_match is not None:  # until then route and view are to come
            self._facts = facts
        return facts


class DistantOrigin(Origin):
    """A request that another process answered, as in a task that it started."""

    __slots__ = ("user",)

    def __init__(self, facts: dict[str, Any], user: tuple[int | str | None, str]) -> None:
        self._facts = facts
        self.user = user


current_origin: ContextVar[Origin | None] = ContextVar("eventlog_origin", default=None)


def origin_of(request: Any) -> Origin:
    """The origin that is ``request``, which may be wrapped as REST framework does it."""
    request = getattr(request, "_request", request)
    current = current_origin.get()
    return current if current is not None and current.request is request else Origin(request)
