"""Users, sign-ins, changes, context and APIs: each backend, sync and async, with transactions.

The tests use real packages. Celery runs its tasks in the process of the test.
"""

import pytest
from asgiref.sync import async_to_sync
from celery import current_app
from django.contrib import admin
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.http import HttpResponse
from django.urls import include, path
from rest_framework.authtoken.models import Token

import eventlog
from eventlog.backends import get_backend
from eventlog.contrib.model_changes import track, untrack
from eventlog.models import Log, alog, log
from eventlog.review.search.query import search_condition
from eventlog.testing import capture_events
from tests.shop.models import Widget

from ..contrib.sign_ins.conftest import PASSWORD, anna, sign_ins
from .test_hijack import MIDDLEWARE as HIJACK

__all__ = ["anna", "sign_ins"]

BACKENDS = {
    "database": "eventlog.backends.database.DatabaseBackend",
    "buffered": "eventlog.backends.buffered.BufferedBackend",
    "celery": "eventlog.backends.celery.CeleryBackend",
}
pytestmark = pytest.mark.django_db(transaction=True)


def plain(request):
    """Never read the user of the request."""
    return HttpResponse()


def work(request):
    authenticate(request, username="anna", password="wrong")
    widget = Widget.objects.create(name="sprocket")
    with eventlog.context(reason="ticket 4711"):
        log(request.user, "ORDERED", obj=widget)
    if "crash" in request.GET:
        raise RuntimeError("on purpose")
    return HttpResponse()


@transaction.non_atomic_requests  # Django refuses async views in a transaction.
async def async_work(request):
    widget = await Widget.objects.acreate(name="sprocket")
    with eventlog.context(reason="ticket 4711"):
        await alog(await request.auser(), "ORDERED", obj=widget)
    return HttpResponse()


urlpatterns = [
    path("plain/", plain, name="plain"),
    path("work/", work, name="work"),
    path("async-work/", async_work, name="async-work"),
    path("admin/", admin.site.urls),
    path("hijack/", include("hijack.urls")),
    path("ninja/", include("tests.contrib.urls_ninja")),
    path("apis/", include("tests.packages.urls_apis")),
]


@pytest.fixture(params=BACKENDS)
def deliver(request, settings, tmp_path, sign_ins):
    """Return a function that delivers the events of a site with all the packages."""
    spool = {"spool": tmp_path / "spool", "interval": None}
    settings.EVENTLOG = {
        "BACKEND": BACKENDS[request.param],
        "OPTIONS": {} if request.param == "database" else spool,
        "LOAD_USER": True,
        "ACCESS": {"view": True},
    }
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, HIJACK]
    settings.HIJACK_INSERT_BEFORE = None
    is_eager, current_app.conf.task_always_eager = current_app.conf.task_always_eager, True
    track(Widget)
    yield lambda: get_backend().flush()
    untrack(Widget)
    current_app.conf.task_always_eager = is_eager
    settings.EVENTLOG = {}
    get_backend()


@pytest.fixture(params=["autocommit", "atomic-requests"])
def _transactions(request, monkeypatch):
    monkeypatch.setitem(
        connection.settings_dict, "ATOMIC_REQUESTS", request.param == "atomic-requests"
    )


@pytest.fixture(params=["sync", "async"])
def visit(request, client, async_client):
    """Return a function that calls a method of the sync or the async client."""

    def call(method, *args, **kwargs):
        if request.param == "sync":
            return getattr(client, method)(*args, **kwargs)
        name = "aforce_login" if method == "force_login" else method
        return async_to_sync(getattr(async_client, name))(*args, **kwargs)

    return call


def events():
    """Return the action and the user of each event, sorted, as backends store them in order."""
    return sorted((event.action, event.user_name) for event in Log.objects.all())


def found(search):
    return sorted(Log.objects.filter(search_condition(search)).values_list("action", flat=True))


@pytest.fixture
def zora(db):
    return User.objects.create_superuser("zora", password=PASSWORD)


def skip_shared_memory():
    """Skip a second connection to SQLite's database in memory.

    The two share a cache, whose locks of tables fail at once and ignore the timeout.
    """
    is_atomic = connection.settings_dict["ATOMIC_REQUESTS"]
    if connection.vendor == "sqlite" and is_atomic and not hasattr(get_backend(), "spool"):
        pytest.skip("a second connection to a database in memory can find a locked table")


@pytest.mark.usefixtures("_transactions")
def test_each_part_is_recorded(visit, deliver, anna, zora):
    skip_shared_memory()
    token = {"authorization": f"Token {Token.objects.create(user=anna)}"}
    bearer = {"authorization": "Bearer anna"}
    mutation = {"query": "mutation PlaceOrder { placeOrder }"}
    deliver()
    Log.objects.all().delete()

    visit("post", "/admin/login/", {"username": "zora", "password": PASSWORD})
    visit("get", "/plain/")
    visit("post", "/hijack/acquire/", {"user_pk": anna.pk})
    visit("get", "/work/")
    visit("get", "/async-work/")
    visit("post", "/hijack/release/")
    assert visit("get", "/admin/eventlog/log/").status_code == 200
    visit("post", "/admin/logout/")
    assert visit("post", "/apis/token/", {"name": "gear"}, headers=token).status_code == 201
    assert visit("get", "/ninja/logged", headers=bearer).status_code == 200
    visit("post", "/apis/graphql/", mutation, content_type="application/json")
    deliver()

    assert events() == [
        # Two views create a widget; the viewset records the request, and the model the change.
        *[("CREATED_FOO_WIDGET", "anna")] * 4,
        ("EVENTLOG_VIEWED", "zora"),
        ("GET_ASYNC_WORK", "anna"),
        ("GET_PLAIN", "zora"),
        ("GET_WORK", "anna"),
        ("GRAPHQL_MUTATION", "anonymous"),
        ("HIJACK_ENDED", "zora"),
        ("HIJACK_STARTED", "zora"),
        ("LOGGED_IN", "zora"),
        ("LOGGED_OUT", "zora"),
        ("LOGIN_FAILED", "anna"),
        *[("ORDERED", "anna")] * 2,
        ("POST_ADMIN_LOGIN", "zora"),
        ("POST_ADMIN_LOGOUT", "zora"),
        ("POST_HIJACK_ACQUIRE", "anna"),
        ("POST_HIJACK_RELEASE", "zora"),
        ("POST_WIDGETS", "anna"),
        ("READ", "anna"),
    ]
    assert found('reason:"ticket 4711"') == ["ORDERED"] * 2
    assert {"GET_WORK", "GET_ASYNC_WORK", "ORDERED"} <= set(found("acting_user:zora"))
    assert "GET_PLAIN" not in found("acting_user:zora")
    changes = [event.extra.get("changes") for event in Log.objects.order_by("pk")]
    names = [each["name"] for each in changes if each and "name" in each]
    assert names == [[None, "sprocket"]] * 2 + [[None, "gear"]]


def test_a_request_that_is_rolled_back_keeps_what_happened_without_it(
    visit,
    deliver,
    anna,
    monkeypatch,
):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    skip_shared_memory()
    visit("force_login", anna)
    deliver()
    Log.objects.all().delete()
    assert visit("get", "/work/?crash=1").status_code == 500
    deliver()
    assert not Widget.objects.exists()
    assert events() == [("GET_WORK", "anna"), ("LOGIN_FAILED", "anna")]


def test_the_test_kit_collects_what_a_rollback_keeps(visit, deliver, anna):
    visit("force_login", anna)
    with capture_events() as captured, pytest.raises(ZeroDivisionError), transaction.atomic():
        visit("get", "/work/")
        1 / 0  # noqa: B018
    assert [event.action for event in captured] == ["LOGIN_FAILED", "GET_WORK"]
    deliver()
    assert "GET_WORK" not in found("")


def test_the_name_of_a_deleted_account_is_found(visit, deliver, anna):
    visit("force_login", anna)
    visit("get", "/plain/")
    deliver()
    anna.delete()
    deliver()
    assert "GET_PLAIN" in found("user:anna")
    User.objects.create_user("anna")
    assert [event.user for event in Log.objects.action("GET_PLAIN")] == [None]
