"""The user of automatic events in requests whose views do not read ``request.user``."""

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.models import Session
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.urls import path

import eventlog
from eventlog.contrib.model_changes import track, untrack
from eventlog.contrib.sign_ins.connect_receivers import disconnect
from eventlog.metadata.current_user import current_user
from eventlog.models import Log, alog, log
from eventlog.records.user_state import UserState

pytestmark = pytest.mark.django_db
KNOWN, ANONYMOUS, UNKNOWN = UserState.KNOWN, UserState.ANONYMOUS, UserState.UNKNOWN


def create(request):
    for name in ("editors", "authors"):
        Group.objects.create(name=name)
    return HttpResponse()


def promote(request):
    User.objects.get(username="bob").groups.add(Group.objects.create(name="staff"))
    return HttpResponse()


def import_as_bob(request):
    with eventlog.context(user=User.objects.get(username="bob")):
        return create(request)


def logs_nobody(request):
    log(None, "X")
    return create(request)


async def acreate(request):
    await Group.objects.acreate(name="editors")
    return HttpResponse()


async def on_the_loop(request):
    await alog(current_user(), "X")
    return HttpResponse()


urlpatterns = [
    path(f"{view.__name__}/", view)
    for view in (create, promote, import_as_bob, logs_nobody, acreate, on_the_loop)
]


@pytest.fixture(autouse=True)
def _site(settings):
    settings.ROOT_URLCONF = __name__
    track(Group)
    yield
    untrack(Group)


@pytest.fixture
def bob(db):
    return User.objects.create_user("bob")


@pytest.fixture
def load_user(settings):
    settings.EVENTLOG = {"LOAD_USER": True}


def users():
    """Return the name and the state of the user of each event, the oldest first."""
    return list(Log.objects.order_by("pk").values_list("user_repr", "user_state"))


def loads(queries):
    """Return the queries for sessions and users."""
    selects = [each["sql"] for each in queries if each["sql"].startswith("SELECT")]
    return [sql for sql in selects if "django_session" in sql or "auth_user" in sql]


def test_changes_have_the_user_that_load_user_finds(client, anna, load_user):
    client.force_login(anna)
    with CaptureQueriesContext(connection) as queries:
        response = client.get("/create/")
    assert users() == [("anna", KNOWN)] * 3
    assert len(loads(queries)) == 2  # the session and the user, once for all three events
    assert "Vary" not in response.headers


def test_changes_have_the_state_of_a_user_that_was_not_loaded(client, anna):
    client.force_login(anna)
    client.get("/create/")
    assert users() == [("", UNKNOWN)] * 3


def test_changes_of_a_visitor_without_a_session_are_anonymous(client, load_user):
    client.get("/create/")
    assert users() == [("", ANONYMOUS)] * 3


def test_an_expired_login_is_looked_up_once(client, anna, load_user):
    client.force_login(anna)
    Session.objects.all().delete()
    with CaptureQueriesContext(connection) as queries:
        client.get("/create/")
    assert users() == [("", ANONYMOUS)] * 3
    assert len(loads(queries)) == 1


def test_the_user_of_the_context_is_not_loaded(client, anna, bob, load_user):
    client.force_login(anna)
    client.get("/import_as_bob/")
    assert users() == [("bob", KNOWN)] * 2 + [("anna", KNOWN)]


def test_log_without_a_user_stays_without_a_state(client, anna, load_user):
    client.force_login(anna)
    client.get("/logs_nobody/")
    assert users() == [("", None)] + [("anna", KNOWN)] * 3


def test_changes_outside_a_request_have_no_state(load_user):
    Group.objects.create(name="editors")
    assert users() == [("", None)]


@pytest.mark.django_db(transaction=True)
def test_changes_in_an_async_view_have_the_user(async_client, anna, load_user):
    async_client.force_login(anna)
    async_to_sync(async_client.get)("/acreate/")
    assert users() == [("anna", KNOWN)] * 2


@pytest.mark.django_db(transaction=True)
def test_the_user_is_not_loaded_on_the_event_loop(async_client, anna, load_user):
    async_client.force_login(anna)
    async_to_sync(async_client.get)("/on_the_loop/")
    assert users() == [("", UNKNOWN), ("anna", KNOWN)]


class SessionStore(DatabaseStore):
    """A store whose name is the one that Django looks up in ``SESSION_ENGINE``."""

    def load(self):
        raise RuntimeError("the store of sessions is down")


def test_a_session_that_cannot_be_read_stops_no_change(client, anna, load_user, settings, caplog):
    client.force_login(anna)
    settings.SESSION_ENGINE = __name__
    client.get("/create/")
    assert users() == [("", UNKNOWN)] * 3
    assert "loading the user" in caplog.text


class Broken:
    def get_user(self, key):
        raise RuntimeError("the directory of accounts is down")


def test_an_error_while_loading_is_reported_and_the_change_recorded(
    client, anna, load_user, settings, caplog
):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Broken"]
    client.force_login(anna, f"{__name__}.Broken")
    client.get("/create/")
    assert users() == [("", UNKNOWN)] * 3
    assert "loading the user" in caplog.text


def test_changes_of_permissions_have_the_user_that_load_user_finds(
    client, anna, bob, load_user, settings
):
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "eventlog.contrib.sign_ins"]
    client.force_login(anna)
    Log.objects.all().delete()
    client.get("/promote/")
    disconnect()
    event = Log.objects.get(action="PERMISSIONS_CHANGED")
    assert (event.user, event.obj) == (anna, bob)
