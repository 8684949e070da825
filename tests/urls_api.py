"""Views of other frameworks under @log_request, which may return other values than responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import path
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError
from ninja.responses import Status
from rest_framework.decorators import api_view
from rest_framework.exceptions import Throttled
from rest_framework.response import Response
from rest_framework.views import APIView

from eventlog.decorators import log_exempt, log_request

if TYPE_CHECKING:
    from collections.abc import Mapping


class Size(Schema):
    width: int
    is_rendered: bool = False  # also an attribute of TemplateResponse


api = NinjaAPI(urls_namespace="log-request")
either = {200: Size, 201: Size, 400: dict}


@api.get("/dict")
@log_request
def a_dict(request) -> Mapping[str, int]:
    return {"width": 1}


@api.post("/schema", response=Size)
@log_request
def a_schema(request, size: Size):
    return size


@api.get("/tuple", response=either)
@log_request
def a_tuple(request):
    return 201, {"width": 1}


@api.get("/status", response=either)
@log_request
def a_status(request):
    return Status(400, {"why": "on purpose"})


@api.get("/none")
@log_request
def nothing(request):
    return None


@api.get("/generator", response=list[int])
@log_request
def a_generator(request):
    return (number for number in (1, 2))


@api.get("/async-dict")
@log_request
async def an_async_dict(request, width: int = 1):
    return {"width": width}


@api.get("/http-error")
@log_request
def an_http_error(request):
    raise HttpError(418, "a teapot")


@api.get("/unauthenticated")
@log_request
async def unauthenticated(request):
    raise AuthenticationError


@api.get("/some-statuses", response=either)
@log_request(status=[200, "4xx"], action="{method}_{status}")
def some_statuses(request, code: int = 0):
    return Status(code or 200, {"width": 1})


@api.get("/exempt")
@log_exempt
def exempt(request, width: int):
    return {"width": width}


@api_view(["GET"])
@log_request
def rest(request):
    return Response({"width": 1}, status=202)


@api_view(["GET"])
@log_request
def rest_error(request):
    raise Throttled


class RestView(APIView):
    @log_request
    def get(self, request, width):
        return Response({"width": width})


class ForeignError(Exception):
    """An exception of an HTTP client, whose status is not the status of this site's response."""

    status_code = 404


@log_request
def foreign_error(request):
    raise ForeignError


urlpatterns = [
    path("api/", api.urls),
    path("rest/", rest),
    path("rest-error/", rest_error),
    path("rest-view/<int:width>/", RestView.as_view()),
    path("foreign-error/", foreign_error),
]
