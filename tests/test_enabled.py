"""``EVENTLOG["ENABLED"] = False``: nothing is recorded, and the site works."""

import threading
from types import SimpleNamespace

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.views.generic import CreateView, View

from eventlog.backends.locmem import outbox as events
from eventlog.decorators import log_request
from eventlog.metadata.context import current_context
from eventlog.middleware import EventLogMiddleware
from eventlog.middleware.request_log import RequestLog
from eventlog.mixins import EventLogMixin
from eventlog.models import alog, log
from eventlog.testing import capture_events

from . import views
from .shop.models import Widget

propagation = pytest.importorskip("eventlog.metadata.propagation", reason="Celery")
LOCMEM = {"BACKEND": "eventlog.backends.locmem.LocMemBackend"}


@pytest.fixture
def off(settings):
    """The site without events. Any event that is recorded anyway is in the outbox."""
    settings.EVENTLOG = LOCMEM | {"ENABLED": False}
    yield
    assert events == []


def test_log_returns_none_and_checks_nothing(off):
    assert log("no user", "") is None


def test_alog_returns_none_and_checks_nothing(off):
    assert async_to_sync(alog)("no user", "") is None


def test_the_middleware_only_calls_the_view(off, client):
    assert client.get("/ok/").status_code == 200
    assert client.get("/crash/").status_code == 500


def test_the_middleware_only_calls_the_view_in_async_code(off, async_client):
    assert async_to_sync(async_client.get)("/aok/").status_code == 200


def test_a_middleware_that_was_loaded_before_follows_the_setting(settings, rf):
    contexts = []

    def view(request):
        contexts.append(current_context.get())
        return HttpResponse()

    middleware = EventLogMiddleware(view)
    for enabled in (True, False, True):
        settings.EVENTLOG = LOCMEM | {"ENABLED": enabled}
        middleware(rf.get("/"))
    assert [context is None for context in contexts] == [False, True, False]
    assert len(events) == 2


@pytest.mark.parametrize("view", [views.logged, log_request("SEEN")(views.ok)])
def test_a_decorated_view_is_only_called(off, rf, view):
    assert view(rf.get("/")).status_code == 200


def test_a_decorated_async_view_is_only_called(off, rf):
    assert async_to_sync(views.alogged)(rf.get("/")).status_code == 200


class Page(EventLogMixin, View):
    action_kind = "SAW"

    @property
    def extra_data(self):
        raise LookupError("extra_data was read")

    def get(self, request):
        return HttpResponse()


class AsyncPage(Page):
    async def get(self, request):
        return HttpResponse()


def test_the_mixin_does_not_read_what_it_would_log(off, rf):
    assert Page.as_view()(rf.get("/")).status_code == 200
    assert async_to_sync(AsyncPage.as_view())(rf.get("/")).status_code == 200


class Form(Page, CreateView):
    model = Widget
    fields = ["name"]
    success_url = "/"


@pytest.mark.django_db
def test_the_mixin_does_not_read_what_it_would_log_of_a_form(off, rf):
    assert Form.as_view()(rf.post("/", {"name": "Foo"})).status_code == 302
    assert Widget.objects.get().name == "Foo"


def test_tasks_neither_carry_nor_use_the_facts_of_a_request(off, rf):
    headers = {}
    with RequestLog(rf.get("/")):
        propagation.inject(headers=headers)
    assert headers == {}
    carried = {propagation.HEADER: {"facts": {"path": "/"}, "user": (None, "")}}
    propagation.extract(task=SimpleNamespace(request=SimpleNamespace(**carried)))
    assert current_context.get() is None


def test_no_thread_is_started_for_delivery(settings, tmp_path):
    settings.EVENTLOG = {
        "ENABLED": False,
        "BACKEND": "eventlog.backends.buffered.BufferedBackend",
        "OPTIONS": {"spool": str(tmp_path)},
    }
    before = threading.enumerate()
    EventLogMiddleware(views.ok)
    assert threading.enumerate() == before


def test_captures_collect_events_of_a_site_without_events(off, client):
    with capture_events() as captured:
        log(None, "X")
        client.get("/ok/")
    assert [event.action for event in captured] == ["X", "GET_OK"]
