from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest

from ..backends import get_backend
from ..context import current_origin
from ..metadata import prepare
from ..reporting import report
from .recording import Recording


class EventLogMiddleware:
    """Records every request that the rules in ``EVENTLOG["REQUESTS"]`` want, under WSGI and ASGI.

    It belongs at the top of ``MIDDLEWARE``: what answers above it is not seen.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
        try:
            get_backend().start()
            prepare()
        except Exception as error:  # noqa: BLE001 (the site starts all the same)
            report("starting", error)

    def __call__(self, request: HttpRequest) -> Any:
        if self.is_async:
            return self.__acall__(request)
        response = None
        recording = Recording(request)
        try:
            with recording:
                response = self.get_response(request)
        finally:  # also when the worker is told to stop
            recording.write(response)
        return response

    async def __acall__(self, request: HttpRequest) -> Any:
        response = None
        recording = Recording(request)
        try:
            with recording:
                response = await self.get_response(request)
        finally:  # also when the visitor went away
            await recording.awrite(response)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Remember what the view raised: by the time it comes back it is a response."""
        recording = current_origin.get()
        if isinstance(recording, Recording):
            recording.exception = exception
