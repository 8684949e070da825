"""Events of Channels consumers, with the facts of the connection and its user.

Only the ASGI scope is read, so nothing is imported from Channels.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from io import BytesIO
from typing import Any

from django.core.exceptions import SynchronousOnlyOperation
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.urls import ResolverMatch, get_resolver

from ..backends.capture import are_events_recorded
from ..error_log import report
from ..metadata import aload_user_agent_parser
from ..metadata.context import RequestContext, current_context
from ..metadata.given import Given
from ..records.arguments import user_key_and_name

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[Any]]


class EventLogConsumerMiddleware:
    """Wraps the ASGI application of consumers, so that their events have facts and a user.

    Put it inside ``AuthMiddlewareStack``, around a ``URLRouter`` or a single consumer. Events that
    are logged with ``user=None`` get the user of ``scope["user"]``. All events of a connection have
    the same request id.
    """

    def __init__(self, inner: Application) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> Any:
        context = await self._context(scope) if are_events_recorded() else None
        if context is None:
            return await self.inner(scope, receive, send)
        before = current_context.get()
        current_context.set(context)
        try:
            return await self.inner(scope, receive, send)
        finally:
            current_context.set(before)

    async def _context(self, scope: Scope) -> "ConnectionContext | None":
        if scope["type"] not in ("http", "websocket"):  # such as a message for a worker
            return None
        try:
            request = _request_of(scope, self.inner)
        except Exception as error:  # noqa: BLE001 (the visitor must be connected)
            report("reading the scope of a connection", error)
            return None
        await aload_user_agent_parser(request)
        return ConnectionContext(request, scope)


class ConnectionContext(RequestContext):
    """The context of a connection, as long as it is open."""

    __slots__ = ("_scope",)

    def __init__(self, request: HttpRequest, scope: Scope) -> None:
        super().__init__(request)
        self._scope = scope

    @property
    def given(self) -> Given:  # type: ignore[override]
        """The statements of other code about the request, and the user of the scope."""
        given = super().given
        if (user := self._scope.get("user")) is None:
            return given
        try:
            return given.over(Given(user=user_key_and_name(user)))
        except SynchronousOnlyOperation:
            raise  # because the caller then loads the user in a thread
        except Exception as error:  # noqa: BLE001 (the site's user may raise anything)
            report("reading the user of a connection", error)
            return given


def _request_of(scope: Scope, inner: Application) -> HttpRequest:
    """Return the request that opened the connection."""
    # RFC 6455, section 4.1: a WebSocket is opened by a GET request.
    request = ASGIRequest({"method": "GET", **scope}, BytesIO())
    for name in ("user", "session"):
        if name in scope:
            setattr(request, name, scope[name])
    # The match tells the route, and which parts of the path are secrets.
    request.resolver_match = _match(request.path_info, scope, inner)
    return request


def _match(path: str, scope: Scope, inner: Application) -> ResolverMatch | None:
    """Return the match of a router inside, or else the match of the router around."""
    try:
        if routes := tuple(getattr(inner, "routes", ())):
            return get_resolver(routes).resolve(path)  # type: ignore[arg-type]  # as in a URLconf
        around = scope["url_route"]
        return ResolverMatch(inner, around["args"], around["kwargs"])
    except Exception:  # noqa: BLE001 (no match, or an error in a converter of the site)
        return None
