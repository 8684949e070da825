"""The middleware class, under WSGI and ASGI."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest

from ..backends import start_backend
from ..backends.capture import are_events_recorded
from ..error_log import report
from ..metadata import aload_user_agent_parser
from ..metadata.context import current_request
from .request_log import RequestLog
from .response_hooks import acall_hooks, call_hooks, hooks


class EventLogMiddleware:
    """Records every request that the rules in ``EVENTLOG["REQUESTS"]`` select.

    Put it at the top of ``MIDDLEWARE``, because it does not see requests that middleware above it
    answers.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
        try:
            start_backend()
        except Exception as error:  # noqa: BLE001 (the site must start anyway)
            report("starting", error)

    def __call__(self, request: HttpRequest) -> Any:
        if not are_events_recorded():  # Read at each request, because tests change settings.
            return self.get_response(request)
        if self.is_async:
            return self.__acall__(request)
        response = None
        request_log = RequestLog(request)
        try:
            with request_log:
                response = self.get_response(request)
        finally:  # Also runs when the worker is shut down during the request.
            request_log.write(response)
        if hooks:
            call_hooks(request, response)
        return response

    async def __acall__(self, request: HttpRequest) -> Any:
        response = None
        request_log = RequestLog(request)
        try:
            with request_log:
                await aload_user_agent_parser(request)
                response = await self.get_response(request)
        finally:  # Also runs when the client disconnects.
            await request_log.awrite(response)
        if hooks:
            await acall_hooks(request, response)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Keep the exception of the view, because Django turns it into a response."""
        request_log = current_request()
        if isinstance(request_log, RequestLog):
            request_log.exception = exception
