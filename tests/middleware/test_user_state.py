"""The user of a request is known, anonymous, or not known; ``LOAD_USER`` finds it."""

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import logout
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.models import Session
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.urls import path

from eventlog.metadata import known_user
from eventlog.models import Log, log
from eventlog.records.user_state import UserState

pytestmark = pytest.mark.django_db
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


class Broken:
    def get_user(self, key):
        raise RuntimeError("the directory of accounts is down")


def plain(request):
    return HttpResponse()


def reads_user(request):
    return HttpResponse(str(request.user))


def reads_session(request):
    return HttpResponse(str(request.session.get("theme")))


def replaces_session(request):
    request.session = {}
    return HttpResponse(str(known_user(request)))


def leaves(request):
    logout(request)
    return HttpResponse()


async def aplain(request):
    return HttpResponse()


urlpatterns = [
    path("plain/", plain),
    path("user/", reads_user),
    path("session/", reads_session),
    path("leaves/", leaves),
    path("replaces/", replaces_session),
    path("aplain/", aplain),
]


@pytest.fixture(autouse=True)
def _urls(settings):
    settings.ROOT_URLCONF = __name__


def state():
    return Log.objects.get().user_state


def test_a_visitor_without_a_session_is_anonymous(client):
    client.get("/plain/")
    assert state() == UserState.ANONYMOUS


def test_a_user_that_the_site_has_loaded_is_known(client, anna):
    client.force_login(anna)
    client.get("/user/")
    assert state() == UserState.KNOWN


def test_a_user_that_the_site_has_not_loaded_is_not_known(client, anna):
    client.force_login(anna)
    client.get("/plain/")
    assert state() == UserState.UNKNOWN


def test_a_session_without_a_login_is_anonymous_if_the_site_has_read_it(client):
    session = client.session
    session["theme"] = "dark"
    session.save()
    client.get("/session/")
    assert state() == UserState.ANONYMOUS


def test_a_session_without_a_login_is_not_known_if_the_site_has_not_read_it(client):
    session = client.session
    session["theme"] = "dark"
    session.save()
    client.get("/plain/")
    assert state() == UserState.UNKNOWN


def test_a_session_with_a_login_that_the_site_has_read_is_not_known(client, anna):
    client.force_login(anna)
    client.get("/session/")
    assert state() == UserState.UNKNOWN


def test_an_expired_login_is_anonymous(client, anna):
    client.force_login(anna)
    Session.objects.all().delete()
    client.get("/user/")
    assert state() == UserState.ANONYMOUS


def test_a_token_that_the_site_has_not_read_is_not_known(client):
    client.get("/plain/", headers={"authorization": "Bearer x"})
    assert state() == UserState.UNKNOWN


def test_log_stores_whether_it_was_called_with_a_user(anna):
    log(anna, "X")
    log(AnonymousUser(), "X")
    log(None, "X")
    states = Log.objects.order_by("pk").values_list("user_state", flat=True)
    assert list(states) == [UserState.KNOWN, UserState.ANONYMOUS, None]


@pytest.fixture(params=["cache", "cached_db", "db", "file", "signed_cookies"])
def engine(request, settings, tmp_path):
    settings.CACHES = CACHES
    settings.SESSION_FILE_PATH = tmp_path
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"
    settings.EVENTLOG = {"LOAD_USER": True}
    return request.param


def test_load_user_finds_the_user_of_the_session(client, anna, engine):
    client.force_login(anna)
    with CaptureQueriesContext(connection) as queries:
        response = client.get("/plain/")
    event = Log.objects.get()
    assert (event.user, event.user_repr, event.user_state) == (anna, "anna", UserState.KNOWN)
    assert "Vary" not in response.headers
    assert not response.cookies
    selects = [query for query in queries if query["sql"].startswith("SELECT")]
    assert len(selects) == (2 if engine == "db" else 1)


@pytest.mark.django_db(transaction=True)
def test_load_user_finds_the_user_on_the_event_loop(async_client, anna, settings):
    settings.EVENTLOG = {"LOAD_USER": True}
    async_client.force_login(anna)
    response = async_to_sync(async_client.get)("/aplain/")
    event = Log.objects.get()
    assert (event.user_id, event.user_repr) == (anna.pk, "anna")
    assert "Vary" not in response.headers


def test_load_user_costs_nothing_without_a_session(client, settings):
    settings.EVENTLOG = {"LOAD_USER": True}
    with CaptureQueriesContext(connection) as queries:
        client.get("/plain/")
    assert [query for query in queries if query["sql"].startswith("SELECT")] == []
    assert state() == UserState.ANONYMOUS


@pytest.mark.parametrize("change", ["password", "backend", "account", "session"])
def test_a_login_that_no_longer_holds_is_anonymous(client, anna, settings, change):
    settings.EVENTLOG = {"LOAD_USER": True}
    client.force_login(anna)
    if change == "password":
        anna.set_password("new")
        anna.save()
    elif change == "backend":
        settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.RemoteUserBackend"]
    elif change == "account":
        User.objects.all().delete()
    else:
        Session.objects.all().delete()
    sessions = Session.objects.count()
    client.get("/plain/")
    assert state() == UserState.ANONYMOUS
    assert Session.objects.count() == sessions  # Django's get_user() would end the session.


def test_a_session_of_an_earlier_secret_key_is_known(client, anna, settings):
    client.force_login(anna)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "new"
    settings.EVENTLOG = {"LOAD_USER": True}
    before = Session.objects.get().session_data
    client.get("/plain/")
    assert state() == UserState.KNOWN
    assert Session.objects.get().session_data == before


def test_an_error_while_loading_is_reported_and_the_request_recorded(
    client, anna, settings, caplog
):
    settings.EVENTLOG = {"LOAD_USER": True}
    client.force_login(anna)
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Broken"]
    session = client.session
    session["_auth_user_backend"] = f"{__name__}.Broken"
    session.save()
    client.get("/plain/")
    assert state() == UserState.UNKNOWN
    assert "loading the user" in caplog.text


def test_a_rule_may_load_the_user_for_its_condition(client, anna, settings):
    settings.EVENTLOG = {
        "REQUESTS": [
            {"user": "staff", "action": "BY_STAFF", "load_user": True},
            {"action": "BY_OTHERS"},
        ]
    }
    client.force_login(anna)
    client.get("/plain/")
    User.objects.filter(pk=anna.pk).update(is_staff=True)
    client.get("/plain/")
    rows = Log.objects.order_by("pk").values_list("action", "user_repr")
    assert list(rows) == [("BY_OTHERS", "anna"), ("BY_STAFF", "anna")]


def test_a_rule_may_leave_the_user_alone(client, anna, settings):
    settings.EVENTLOG = {"LOAD_USER": True, "REQUESTS": [{"load_user": False}]}
    client.force_login(anna)
    client.get("/plain/")
    assert state() == UserState.UNKNOWN


def test_no_user_is_loaded_for_a_request_that_is_not_recorded(client, anna, settings):
    settings.EVENTLOG = {"LOAD_USER": True, "REQUESTS": [{"path": "plain", "log": False}]}
    client.force_login(anna)
    with CaptureQueriesContext(connection) as queries:
        client.get("/plain/")
    assert len(queries) == 0


def test_a_logout_is_recorded_with_its_user(client, anna, settings):
    settings.EVENTLOG = {"LOAD_USER": True}
    client.force_login(anna)
    client.get("/leaves/")
    assert Log.objects.get().user == anna


def test_a_session_that_cannot_be_read_costs_no_event(client):
    client.cookies["sessionid"] = "a\0b"
    client.get("/user/")
    assert Log.objects.get().user_state in (UserState.ANONYMOUS, UserState.UNKNOWN)


@pytest.mark.parametrize("path", ["/user/", "/session/"])
def test_a_session_store_that_fails_costs_no_event(client, anna, settings, path):
    client.force_login(anna)
    settings.SESSION_ENGINE = f"{__package__}.broken_sessions"
    assert client.get(path).status_code == 500
    assert state() == UserState.UNKNOWN


def test_a_view_may_put_something_else_into_the_session(client, anna):
    client.force_login(anna)
    assert client.get("/replaces/").content == b"None"
    assert state() == UserState.UNKNOWN
