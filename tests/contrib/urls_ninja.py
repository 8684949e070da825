"""Operations of django-ninja with authentication, sync and async."""

from types import SimpleNamespace

from django.contrib.auth.models import User
from django.urls import path
from ninja import NinjaAPI, Router
from ninja.security import APIKeyHeader, HttpBearer, django_auth
from ninja.throttling import AnonRateThrottle

from eventlog.decorators import log_exempt, log_request


class NameIsToken(HttpBearer):
    def authenticate(self, request, token):
        return User.objects.filter(username=token).first()


class AsyncNameIsToken(HttpBearer):
    async def authenticate(self, request, token):
        return await User.objects.filter(username=token).afirst()


class AnyKey(APIKeyHeader):
    """An authentication whose result is not a user."""

    param_name = "X-Key"

    def authenticate(self, request, key):
        return SimpleNamespace(is_authenticated=True) if key == "object" else key


class Full(AnonRateThrottle):
    def allow_request(self, request):
        return False

    def wait(self):
        return 7


api = NinjaAPI(urls_namespace="contrib")
token, atoken = NameIsToken(), AsyncNameIsToken()


@api.get("/logged", auth=token)
@log_request("READ")
def logged(request, width: int = 1):
    return {"user": request.auth.username}


@api.get("/async-logged", auth=atoken)
@log_request("READ")
async def async_logged(request, width: int = 1):
    return {"user": request.auth.username}


@api.get("/full", auth=token, throttle=Full("1/d"))
@log_request("READ")
def full(request):
    return {}


@api.get("/exempt", auth=token)
@log_exempt
def exempt(request):
    return {}


@api.get("/async-exempt", auth=atoken)
@log_exempt
async def async_exempt(request):
    return {}


@api.get("/both", auth=token)
@log_request("OUTER")
@log_exempt
def both(request):
    return {}


@api.get("/plain", auth=[token, AnyKey()])
def plain(request):
    return {}


@api.get("/async-plain", auth=atoken)
async def async_plain(request):
    return {}


@api.get("/session", auth=django_auth)
def session(request):
    return {}


@api.get("/crash", auth=token)
@log_request("READ")
def crash(request):
    raise ZeroDivisionError


router = Router()


@router.get("/routed", auth=token)
@log_request("READ")
def routed(request):
    return {}


api.add_router("/one", router)
api.add_router("/two", router, url_name_prefix="two")

urlpatterns = [path("", api.urls)]
