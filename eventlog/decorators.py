"""Say in front of a view whether its requests are recorded, whatever the settings say."""

from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import isawaitable
from typing import Any, TypeVar, cast, overload

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpResponse
from django.http.multipartparser import MultiPartParserError

from .context import origin_of
from .middleware.recording import Recording
from .rules import Rule, compile_rule

View = TypeVar("View", bound=Callable[..., Any])

# What Django answers for an exception (django.core.handlers.exception), which without the
# middleware nobody here sees.
_ANSWERS: tuple[tuple[type[Exception], int], ...] = (
    (Http404, 404),
    (PermissionDenied, 403),
    (MultiPartParserError, 400),
    (BadRequest, 400),
    (SuspiciousOperation, 400),
)


@overload
def log_request(view: View, /) -> View: ...
@overload
def log_request(action: str | None = None, /, **options: Any) -> Callable[[View], View]: ...
def log_request(view: Any = None, /, **options: Any) -> Any:
    """Record every request of a view, with or without the middleware installed.

    Bare, ``@log_request``; with a name, ``@log_request("PLACED_ORDER")``; or with any keys of a
    rule, ``@log_request(action="SEARCHED", methods=["POST"], sample=0.1)``. For sync and async
    views, and through ``method_decorator`` for classes. Raises ``Misconfigured`` for a key or a
    value that rules do not know.

    Requests that the keys leave out are for the rules of the settings, if the middleware is there.
    Without it, and under ``ATOMIC_REQUESTS``, the event is part of the view's transaction; but that
    of a ``TemplateResponse`` is recorded when it has been rendered.
    """
    if callable(view):
        return _ruled(view, compile_rule("log_request()", options))
    if view is not None:
        options["action"] = view
    rule = compile_rule("log_request()", options)
    return lambda view: _ruled(view, rule)


def log_exempt(view: View) -> View:
    """Leave the requests of a view out."""
    return _ruled(view, Rule(log=False))


def _ruled(view: View, rule: Rule) -> View:
    if iscoroutinefunction(view):

        @wraps(view)
        async def wrapper(request: Any, *args: Any, **kwargs: Any) -> Any:
            recording = _recording_of(request, rule)
            if recording is None:
                return await view(request, *args, **kwargs)
            return await _arecorded(recording, lambda: view(request, *args, **kwargs))

    else:

        @wraps(view)
        def wrapper(request: Any, *args: Any, **kwargs: Any) -> Any:
            recording = _recording_of(request, rule)
            if recording is None:
                return view(request, *args, **kwargs)
            return _recorded(recording, lambda: view(request, *args, **kwargs))

    # The middleware reads this where something in front of the view answers in its place.
    wrapper.eventlog_rule = rule  # type: ignore[attr-defined]
    return cast("View", wrapper)


def _recording_of(request: Any, rule: Rule) -> Recording | None:
    """A recording of our own, or None if the request has one, which then follows ``rule``."""
    origin = origin_of(request)
    if isinstance(origin, Recording):
        # The outermost decides: what stands in the URLconf around what stands at the view.
        origin.rule = origin.rule or rule
        return None
    recording = Recording(origin.request, alone=True)
    recording.rule = rule
    return recording


def _recorded(recording: Recording, view: Callable[[], Any]) -> Any:
    try:
        with recording:
            response = view()
    except BaseException as error:
        recording.write(_answer_to(error))
        raise
    if isawaitable(response):  # dispatch() of a class with async handlers
        return _arecorded(recording, lambda: response)
    if not _is_recorded_later(recording, response):
        recording.write(response)
    return response


async def _arecorded(recording: Recording, view: Callable[[], Awaitable[Any]]) -> Any:
    try:
        with recording:
            response = await view()
    except BaseException as error:
        await recording.awrite(_answer_to(error))
        raise
    if not _is_recorded_later(recording, response):
        await recording.awrite(response)
    return response


def _is_recorded_later(recording: Recording, response: Any) -> bool:
    """A TemplateResponse is when it is rendered, after its view: that takes time and may fail."""
    if getattr(response, "is_rendered", True):
        return False
    render = response.render

    def recorded_render() -> Any:
        del response.render  # a cache may pickle the response as soon as it is rendered
        return _recorded(recording, render)

    response.render = recorded_render
    return True


def _answer_to(error: BaseException) -> HttpResponse | None:
    if not isinstance(error, Exception):
        return None
    return HttpResponse(
        status=next((status for kind, status in _ANSWERS if isinstance(error, kind)), 500)
    )
