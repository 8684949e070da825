"""On the event loop, a name that needs a query is read in a thread, other names are not."""

import asyncio

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.http import HttpResponse
from django.views.generic import View

from eventlog.middleware import EventLogMiddleware
from eventlog.mixins import EventLogMixin
from eventlog.models import Log, alog, log

from .shop.models import Part, Widget

# Committed, because another thread uses another connection.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def part():
    made = Part.objects.create(widget=Widget.objects.create(name="gear"))
    return Part.objects.get(pk=made.pk)  # so that its widget is not loaded


@pytest.fixture
def badge(anna):
    """A user whose name needs a query."""
    anna.get_username = lambda: f"badge of {User.objects.get(pk=anna.pk).username}"
    return anna


async def call(function, *args, **kwargs):
    return function(*args, **kwargs)


def test_alog_stores_the_name_of_an_object_that_follows_a_foreign_key(part):
    event = async_to_sync(alog)(None, "X", obj=part)
    assert (event.object_repr, event.object_id) == ("part of gear", part.pk)
    assert Log.objects.get().object_repr == "part of gear"


def test_alog_stores_the_name_of_a_user_that_needs_a_query(badge):
    assert async_to_sync(alog)(badge, "X").user_repr == "badge of anna"


def test_log_in_async_code_stores_names_that_need_a_query(part, badge, outbox):
    ContentType.objects.get_for_model(part)  # fills the cache of content types
    async_to_sync(call)(log, badge, "X", obj=part)
    (event,) = outbox
    assert (event.user_repr, event.object_repr) == ("badge of anna", "part of gear")


def test_the_middleware_stores_the_name_of_a_user_that_needs_a_query(badge, outbox, rf):
    async def view(request):
        request.user = badge
        return HttpResponse("ok")

    async_to_sync(EventLogMiddleware(view))(rf.get("/"))
    assert [event.user_repr for event in outbox] == ["badge of anna"]


def test_attributes_of_an_async_view_with_the_mixin_may_need_a_query(part, badge, outbox, rf):
    class Seen(EventLogMixin, View):
        action = "SEEN"
        user = property(lambda self: User.objects.exists() and badge)
        extra_data = property(lambda self: {"widget": Part.objects.get(pk=part.pk).widget.name})

        async def get(self, request):
            self.object = part
            return HttpResponse("ok")

    async_to_sync(Seen.as_view())(rf.get("/"))
    (event,) = outbox
    assert (event.user_repr, event.object_repr) == ("badge of anna", "part of gear")
    assert event.extra["widget"] == "gear"


def test_an_object_whose_name_raises_an_error_is_stored_by_its_key(part, outbox):
    part.widget_id = 10**6  # the key of a missing row
    async_to_sync(alog)(None, "X", obj=part)
    assert [event.object_repr for event in outbox] == [f"Part object ({part.pk})"]


class Robot:
    """A user that records the event loop on which ``get_username()`` is called."""

    is_authenticated = True
    pk = "robot"

    def __init__(self):
        self.loops = []

    def get_username(self):
        self.loops.append(asyncio.get_running_loop())
        return "robot"


def test_a_name_without_a_query_is_read_once_and_on_the_event_loop(outbox):
    robot = Robot()
    async_to_sync(alog)(robot, "X")
    async_to_sync(call)(log, robot, "X")
    assert [event.user_repr for event in outbox] == ["robot", "robot"]
    assert len(robot.loops) == 2
