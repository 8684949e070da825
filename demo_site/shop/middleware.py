from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

REPLAY_STATUS = "demo.replay_status"


class ReplayMiddleware:
    """Middleware that answers a replayed request with its recorded status.

    Visitors cannot set the key in the WSGI environ, because the keys of headers begin with
    ``HTTP_``.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        status = request.META.get(REPLAY_STATUS)
        return self.get_response(request) if status is None else HttpResponse(status=status)
