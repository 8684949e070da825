import asyncio
import io

from asgiref.sync import sync_to_async
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import (
    FileResponse,
    Http404,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.views.generic import (
    CreateView,
    DeleteView,
    DetailView,
    ListView,
    TemplateView,
    UpdateView,
    View,
)

import eventlog
from eventlog.decorators import log_exempt, log_request
from eventlog.mixins import EventLogMixin
from eventlog.models import alog, log

from .shop.models import Widget
from .shop.tasks import in_task


def ok(request, **kwargs):
    return HttpResponse("ok")


async def aok(request):
    return HttpResponse("ok")


def order(request, pk):
    return HttpResponse(f"order {pk}")


def who(request):
    return HttpResponse(str(request.user))


async def awho(request):
    return HttpResponse(str(await request.auser()))


def redirect(request):
    return HttpResponseRedirect("/ok/")


def missing(request):
    raise Http404("gone")


def denied(request):
    raise PermissionDenied


def suspicious(request):
    raise SuspiciousOperation("odd")


def crash(request):
    raise RuntimeError("on purpose")


async def acrash(request):
    raise RuntimeError("on purpose")


def nothing(request):
    return None


def stream(request):
    return StreamingHttpResponse(iter([b"a", b"b"]))


async def astream(request):
    async def chunks():
        for chunk in (b"a", b"b"):
            await asyncio.sleep(0)
            yield chunk

    return StreamingHttpResponse(chunks())


def file(request):
    return FileResponse(io.BytesIO(b"content"), filename="a.txt")


def deep():
    log(user=None, action="DEEP_DOWN", extra={"n": 1, "ip": "mine"})


def service(request):
    deep()
    return HttpResponse("ok")


async def aservice(request):
    await alog(None, "ASYNC_DEEP_DOWN")
    return HttpResponse("ok")


async def mixed(request):
    await sync_to_async(deep)()
    return HttpResponse("ok")


@log_request("SEEN", extra={"why": "decorated"})
def logged(request):
    return HttpResponse("ok")


@log_request(action="ASEEN")
async def alogged(request):
    return HttpResponse("ok")


@log_request("TEMPLATE_SEEN")
def logged_template(request, name="empty.html"):
    return TemplateResponse(request, name)


@log_request("TEMPLATE_SEEN")
async def alogged_template(request):
    return TemplateResponse(request, "empty.html")


@log_request
def logged_crash(request):
    raise RuntimeError("on purpose")


@log_request
def logged_missing(request):
    raise Http404


@method_decorator(log_request("CLASS_SEEN"), name="dispatch")
class LoggedClass(View):
    def get(self, request):
        return HttpResponse("ok")


@method_decorator(log_request("ASYNC_CLASS_SEEN"), name="dispatch")
class LoggedAsyncClass(View):
    async def get(self, request):
        return HttpResponse("ok")


@method_decorator(log_request("INNER"), name="dispatch")
class LoggedTwice(View):
    async def get(self, request):
        return HttpResponse("ok")


class LoggedMethod(View):
    @method_decorator(log_request("METHOD_SEEN"))
    def get(self, request):
        return HttpResponse("ok")


@login_required(login_url="/ok/")
@log_request("PRIVATE")
def private(request):
    return HttpResponse("ok")


@log_exempt
def exempt(request):
    return HttpResponse("ok")


@log_exempt
async def aexempt(request):
    return HttpResponse("ok")


@method_decorator(log_exempt, name="dispatch")
class ExemptClass(View):
    def get(self, request):
        return HttpResponse("ok")


def log_in(request):
    login(request, User.objects.get(username="anna"))
    return HttpResponse("in")


def leave(request):
    User.objects.filter(pk=request.user.pk).delete()
    return HttpResponse("left")


def start_task(request):
    """Start a task as the user, whom the view loads."""
    assert request.user.is_authenticated
    with eventlog.context(reason=request.GET.get("reason"), extra={"order": 7}):
        in_task.delay().get(timeout=60)
    return HttpResponse("done")


def log_out(request):
    logout(request)
    return HttpResponse("out")


class WidgetList(EventLogMixin, ListView):
    action_kind = "LISTED"
    model = Widget


class WidgetCreate(EventLogMixin, CreateView):
    action_kind = "CREATED"
    model = Widget
    fields = ["name"]
    success_url = "/ok/"

    @property
    def extra_data(self):
        return {"name": self.object.name}


class WidgetDetail(EventLogMixin, DetailView):
    action_kind = "VIEWED"
    model = Widget


class WidgetUpdate(EventLogMixin, UpdateView):
    action_kind = "UPDATED"
    model = Widget
    fields = ["name"]
    success_url = "/ok/"


class WidgetDelete(EventLogMixin, DeleteView):
    action_kind = "DELETED"
    model = Widget
    success_url = "/ok/"


class DashboardView(EventLogMixin, TemplateView):
    action_kind = "VIEWED"
    template_name = "empty.html"


class PlainView(EventLogMixin, View):
    action = "PLAIN"

    def get(self, request):
        return HttpResponse("ok", status=int(request.GET.get("status", 200)))


class AsyncPlainView(EventLogMixin, View):
    action_kind = "RAN"

    async def get(self, request):
        return HttpResponse("ok")


class NamelessView(EventLogMixin, CreateView):
    model = Widget
    fields = ["name"]
    success_url = "/ok/"
