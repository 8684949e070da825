"""Decorators that set whether the requests of a view are recorded, before the settings' rules."""

import sys
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from inspect import Parameter, isawaitable, signature, unwrap
from typing import Any, TypeVar, cast, overload

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.template.response import SimpleTemplateResponse

from .backends.capture import are_events_recorded
from .metadata import aload_user_agent_parser
from .metadata.context import current_request
from .middleware.request_log import RequestLog
from .middleware.rules import Rule, compile_rule
from .middleware.rules.validators import is_status

View = TypeVar("View", bound=Callable[..., Any])

# Django's status for an exception (django.core.handlers.exception), because without the middleware
# the response to an exception is not seen.
_DJANGO_STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (Http404, 404),
    (PermissionDenied, 403),
    (MultiPartParserError, 400),
    (BadRequest, 400),
    (SuspiciousOperation, 400),
)
# Frameworks whose exceptions have the status of the response. In other packages, such as HTTP
# clients, status_code is the status of another site's response.
_FRAMEWORKS = ("ninja", "ninja_extra", "rest_framework")
_NO_RESPONSE = object()  # stands for a view's return value None, because None means cancelled


@overload
def log_request(view: View, /) -> View: ...
@overload
def log_request(action: str | None = None, /, **options: Any) -> Callable[[View], View]: ...
def log_request(view: Any = None, /, **options: Any) -> Any:
    """Record every request of a view, with or without the middleware.

    Use it as ``@log_request``, as ``@log_request("PLACED_ORDER")``, or with any keys of a rule:
    ``@log_request(action="SEARCHED", methods=["POST"], sample=0.1)``. An ``action`` that is a
    callable has to be a keyword argument, because the only positional callable is the view. It
    decorates sync and async views, operations of django-ninja, methods of REST framework's views,
    and classes through ``method_decorator``. Raises ``Misconfigured`` for an unknown key or an
    invalid value.

    If the view's rule does not match a request, the rules of the settings apply, provided that the
    middleware is installed. Without the middleware and with ``ATOMIC_REQUESTS``, the event is part
    of the view's transaction. The event of a ``TemplateResponse`` is recorded after its rendering.
    """
    if callable(view):
        return _with_rule(view, compile_rule("log_request()", options))
    if view is not None:
        options["action"] = view
    rule = compile_rule("log_request()", options)
    return lambda view: _with_rule(view, rule)


def log_exempt(view: View) -> View:
    """Do not record the requests of a view."""
    return _with_rule(view, Rule(log=False))


def _with_rule(view: View, rule: Rule) -> View:
    if iscoroutinefunction(view):

        @wraps(view)
        async def wrapper(request: Any, *args: Any, **kwargs: Any) -> Any:
            request_log = _new_request_log(request, args, rule)
            if request_log is None:
                return await view(request, *args, **kwargs)
            return await _acall_recorded(request_log, lambda: view(request, *args, **kwargs))

    else:

        @wraps(view)
        def wrapper(request: Any, *args: Any, **kwargs: Any) -> Any:
            request_log = _new_request_log(request, args, rule)
            if request_log is None:
                return view(request, *args, **kwargs)
            return _call_recorded(request_log, lambda: view(request, *args, **kwargs))

    # The middleware reads this, because another decorator may answer instead of the view.
    wrapper.eventlog_rule = rule  # type: ignore[attr-defined]
    if not isinstance(view, partial):  # method_decorator() makes one per request.
        _keep_signature(wrapper, view)
        _decorate_operation(wrapper, rule)
    return cast("View", wrapper)


def _decorate_operation(wrapper: Any, rule: Rule) -> None:
    """Apply the rule to a whole operation of django-ninja, if ``wrapper`` becomes one.

    The operation refuses some requests before it calls the view (401, 422, 429).
    """
    # A site that defines operations has imported the module.
    if (ninja := sys.modules.get("ninja.decorators")) is not None:
        ninja.decorate_view(partial(_with_rule, rule=rule))(wrapper)


def _keep_signature(wrapper: Any, view: Callable[..., Any]) -> None:
    """Resolve string annotations, because django-ninja looks them up in this module's globals."""
    try:
        annotations = getattr(view, "__annotations__", {}).values()
        if not any(isinstance(annotation, str) for annotation in annotations):
            return
        found = signature(view)
    except (NameError, TypeError, ValueError):  # Python 3.14 evaluates annotations here.
        return
    scope = getattr(unwrap(view), "__globals__", {})
    parameters = [_resolved(parameter, scope) for parameter in found.parameters.values()]
    wrapper.__signature__ = found.replace(parameters=parameters)


def _resolved(parameter: Parameter, scope: dict[str, Any]) -> Parameter:
    if not isinstance(parameter.annotation, str):
        return parameter
    try:
        return parameter.replace(annotation=eval(parameter.annotation, scope))  # noqa: S307 (as inspect.signature(eval_str=True) does)
    except Exception:  # noqa: BLE001 (names that only type checkers import stay strings)
        return parameter


def _new_request_log(request: Any, args: tuple[Any, ...], rule: Rule) -> RequestLog | None:
    """Return a new request log. If the request has one, set its rule and return None.

    Return None if ``EVENTLOG["ENABLED"]`` is false.
    """
    if not are_events_recorded():
        return None
    if args and not hasattr(request, "META"):  # A method's request comes after self.
        request = args[0]
    request = getattr(request, "_request", request)  # REST framework wraps the request.
    current = current_request()
    if isinstance(current, RequestLog) and current.request is request:
        # If decorators are nested, the outermost applies.
        current.rule = current.rule or rule
        return None
    request_log = RequestLog(request, use_settings_rules=False)
    request_log.rule = rule
    return request_log


def _call_recorded(request_log: RequestLog, view: Callable[[], Any]) -> Any:
    try:
        with request_log:
            response = view()
    except BaseException as error:
        request_log.write(_response_to(error))
        raise
    if isawaitable(response):  # The view is the dispatch() of a class with async handlers.
        return _acall_recorded(request_log, lambda: response)
    if not _record_after_render(request_log, response):
        request_log.write(_NO_RESPONSE if response is None else response)
    return response


async def _acall_recorded(request_log: RequestLog, view: Callable[[], Awaitable[Any]]) -> Any:
    try:
        with request_log:
            await aload_user_agent_parser(request_log.request)
            response = await view()
    except BaseException as error:
        await request_log.awrite(_response_to(error))
        raise
    if not _record_after_render(request_log, response):
        await request_log.awrite(_NO_RESPONSE if response is None else response)
    return response


def _record_after_render(request_log: RequestLog, response: Any) -> bool:
    """Record a TemplateResponse when it is rendered, and return whether ``response`` is one.

    Django renders it after the view, which takes time and may fail.
    """
    if not isinstance(response, SimpleTemplateResponse) or response.is_rendered:
        return False
    render = response.render

    def recorded_render() -> Any:
        del response.render  # A cache may pickle the response as soon as it is rendered.
        return _call_recorded(request_log, render)

    response.render = recorded_render  # type: ignore[method-assign]
    return True


def _response_to(error: BaseException) -> HttpResponse | None:
    return HttpResponse(status=_status_for(error)) if isinstance(error, Exception) else None


def _status_for(error: Exception) -> int:
    for kind, status in _DJANGO_STATUSES:
        if isinstance(error, kind):
            return status
    kinds = {(cls.__module__.partition(".")[0], cls.__name__) for cls in type(error).__mro__}
    if ("ninja", "ValidationError") in kinds:
        return 422
    code = getattr(error, "status_code", None)
    if is_status(code) and any(package in _FRAMEWORKS for package, _ in kinds):
        return code
    return 500
