"""The context of running code, so that ``log()`` at any depth can record it."""

from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest

from . import collect
from .given import Given, given_for


class Context:
    """The facts and values that the events of some code have in common."""

    __slots__ = ("given",)

    request: HttpRequest | None = None

    def __init__(self, given: Given) -> None:
        self.given = given
        """The statements of code, without the facts of a request."""

    def facts(self) -> dict[str, Any]:
        """Return all facts. Callers must not change the dict."""
        return {**self.given.facts}


class PropagatedContext(Context):
    """The context of the process that started the current task."""

    __slots__ = ()


class RequestContext(Context):
    """A request whose facts are read once for all its events."""

    __slots__ = ("_facts", "request")

    def __init__(self, request: HttpRequest) -> None:
        self.request: HttpRequest = request
        self._facts: dict[str, Any] | None = None

    @property
    def given(self) -> Given:  # type: ignore[override]  # Other code may add to it.
        """The statements of other code about the request."""
        return given_for(self.request)

    def facts(self) -> dict[str, Any]:
        """Return the facts that ``FIELDS`` enables. Callers must not change the dict."""
        facts = self._facts
        if facts is None:
            facts = collect(self.request)
            if self.request.resolver_match is not None:  # Route and view are unknown before that.
                self._facts = facts
        given = given_for(self.request).facts
        return {**facts, **given} if given else facts


class BlockContext(Context):
    """The context of a ``with`` block, which adds to the context around it."""

    __slots__ = ("_own", "block", "outer", "request")

    def __init__(self, outer: Context | None, given: Given, block: object = None) -> None:
        self._own = given
        self.block = block  # which ends the context
        self.outer = outer
        self.request = None if outer is None else outer.request

    @property
    def given(self) -> Given:  # type: ignore[override]  # The outer one may change in the block.
        """The statements of the block and, where it has none, of the context around it."""
        return self._own if self.outer is None else self._own.over(self.outer.given)

    def facts(self) -> dict[str, Any]:
        """Return the facts of the context around the block, and the given ones."""
        return {**({} if self.outer is None else self.outer.facts()), **self._own.facts}


current_context: ContextVar[Context | None] = ContextVar("eventlog_context", default=None)


def current_request() -> RequestContext | None:
    """Return the context of the request that is being answered, without blocks inside it."""
    context = current_context.get()
    while isinstance(context, BlockContext):
        context = context.outer
    return context if isinstance(context, RequestContext) else None


def context_of(request: Any) -> Context:
    """Return the context of ``request``, which REST framework may have wrapped."""
    request = getattr(request, "_request", request)
    current = current_context.get()
    if current is None:
        return RequestContext(request)
    if current.request is request:
        return current
    # A block outside of all requests applies to an event of any request.
    found = RequestContext(request)
    return BlockContext(found, current.given) if current.request is None else found
