"""The middleware never changes a response."""

import asyncio
import threading
from io import BytesIO

import pytest
from asgiref.sync import async_to_sync
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from eventlog.metadata import known_user
from eventlog.models import Log

from ..shop.models import Widget

pytestmark = pytest.mark.django_db

OURS = "eventlog.middleware.EventLogMiddleware"
REQUESTS = [
    ("GET", "/ok/"),
    ("HEAD", "/ok/"),
    ("OPTIONS", "/plain/"),
    ("POST", "/plain/"),
    ("BREW", "/ok/"),
    ("BREW", "/plain/"),
    ("GET", "/aok/"),
    ("GET", "/who/"),
    ("GET", "/awho/"),
    ("GET", "/redirect/"),
    ("GET", "/ok"),
    ("GET", "/nowhere/"),
    ("GET", "/missing/"),
    ("GET", "/denied/"),
    ("GET", "/suspicious/"),
    ("GET", "/crash/"),
    ("GET", "/acrash/"),
    ("GET", "/nothing/"),
    ("GET", "/stream/"),
    ("GET", "/astream/"),
    ("GET", "/file/"),
    ("GET", "/logged/"),
    ("GET", "/alogged/"),
    ("GET", "/exempt/"),
    ("GET", "/logged-class/"),
    ("GET", "/logged-async-class/"),
    ("GET", "/service/"),
    ("GET", "/aservice/"),
    ("GET", "/admin/login/"),
    ("GET", "/static/missing.css"),
]


def body(response):
    if not response.streaming:
        return response.content
    if response.is_async:

        async def gather():
            return b"".join([chunk async for chunk in response.streaming_content])

        return async_to_sync(gather)()
    return b"".join(response.streaming_content)


CHANGING = ("Content-Length", "Expires")  # differ with a random token and with the time


def parts(response):
    headers = sorted((k, v) for k, v in response.items() if k not in CHANGING)
    cookies = sorted(response.cookies)
    content = body(response)
    if b"csrf" in content or response.status_code == 500:
        content = (
            len(content) // 10_000
        )  # The content has a random token or the address of an object.
    return response.status_code, response.streaming, headers, cookies, content


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_the_middleware_does_not_change_the_response(settings, method, path):
    with_middleware = parts(Client(raise_request_exception=False).generic(method, path))
    assert Log.objects.exists() or path in ("/exempt/", "/static/missing.css")
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != OURS]
    assert parts(Client(raise_request_exception=False).generic(method, path)) == with_middleware


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_the_middleware_does_not_change_the_async_response(settings, method, path):
    async def answer():
        return await AsyncClient(raise_request_exception=False).generic(method, path)

    def get():
        return parts(async_to_sync(answer)())

    with_middleware = get()
    assert Log.objects.exists() or path in ("/exempt/", "/static/missing.css")
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != OURS]
    assert get() == with_middleware


def test_the_middleware_adds_no_vary_header_and_no_cookie(client, anna):
    client.force_login(anna)
    response = client.get("/ok/")
    assert not response.has_header("Vary")
    assert not response.cookies


class Closing(BytesIO):
    closed_times = 0

    def close(self):
        self.closed_times += 1
        super().close()


def test_a_file_is_closed_once(monkeypatch):
    opened = Closing(b"content")
    monkeypatch.setattr("tests.views.io.BytesIO", lambda _: opened)
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/file/",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.input": BytesIO(),
    }
    response = WSGIHandler()(environ, lambda *args: None)
    assert b"".join(response) == b"content"
    assert opened.closed_times == 0
    response.close()
    assert opened.closed_times == 1


def queries(request):
    with CaptureQueriesContext(connection) as captured:
        request()
    return [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]


def test_a_request_adds_one_insert_and_nothing_else(client, anna):
    client.force_login(anna)
    client.get("/ok/")
    (only,) = queries(lambda: client.get("/ok/"))
    assert only.startswith("INSERT INTO")


def test_a_view_that_reads_the_user_costs_one_more_query(client, anna, settings):
    client.force_login(anna)
    with_middleware = queries(lambda: client.get("/who/"))
    settings.EVENTLOG = {"REQUESTS": [{"log": False}]}
    assert len(with_middleware) == len(queries(lambda: client.get("/who/"))) + 1


@pytest.mark.parametrize("path", ["/who/", "/awho/"])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_user_that_the_view_loads_is_recorded(anna, path, is_async):
    if is_async:
        client = AsyncClient()
        async_to_sync(client.aforce_login)(anna)
        async_to_sync(client.get)(path)
    else:
        client = Client()
        client.force_login(anna)
        client.get(path)
    assert Log.objects.get().user == anna


def test_login_and_logout_are_recorded_with_their_user(client, anna):
    client.get("/login/")
    client.get("/logout/")
    assert [event.user_repr for event in Log.objects.all()] == ["anna", "anna"]


def test_a_user_that_the_view_does_not_load_is_unknown(rf):
    request = rf.get("/")
    assert known_user(request) is None


@pytest.mark.parametrize(
    ("rules", "at_fault"),
    [
        ([{"when": lambda request, response: 1 / 0}], "'when'"),
        ([{"extra": lambda request, response: 1 / 0}], "'extra'"),
        ([{"extra": lambda request, response: {"a": {1, 2}}}], "describing a request"),
    ],
)
def test_a_failing_rule_is_reported_and_the_request_is_recorded(
    client, settings, caplog, rules, at_fault
):
    settings.EVENTLOG = {"REQUESTS": rules}
    assert client.get("/ok/").content == b"ok"
    assert Log.objects.get().extra["status"] == 200
    assert at_fault in caplog.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"REQUESTS": [{"path": "("}]},
        {"REQUESTS": [{"pth": "x"}]},
        {"BACKEND": "no.such.Backend"},
        {"TRUSTED_PROXIES": ["nonsense"]},
        {"REQUESTS": 7},
        {"FIELDS": 7},
    ],
)
@pytest.mark.parametrize("is_async", [False, True])
def test_invalid_settings_are_reported_and_the_page_is_served(
    client, async_client, settings, caplog, monkeypatch, wrong, is_async
):
    monkeypatch.setattr("eventlog.metadata.user_agent_loader.is_loaded", lambda: False)
    settings.EVENTLOG = wrong
    get = async_to_sync(async_client.get) if is_async else client.get
    assert get("/ok/", headers={"user-agent": "Firefox"}).content == b"ok"
    assert caplog.records[0].name == "eventlog"


class InvalidUser:
    """A user object that a site's middleware may set."""

    is_authenticated = True

    @property
    def pk(self):
        raise RuntimeError("no key")


def test_an_invalid_user_object_is_reported_and_the_request_is_recorded(
    client, monkeypatch, caplog
):
    monkeypatch.setattr(
        "eventlog.middleware.request_log.user_and_state", lambda request: (InvalidUser(), 1)
    )
    assert client.get("/ok/").content == b"ok"
    assert Log.objects.get().user is None
    assert "no key" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_the_event_of_a_rolled_back_request_is_kept(client, settings):
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        client.get("/crash/")
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False
    assert Log.objects.get().extra["exception"] == "RuntimeError"


@pytest.mark.django_db(transaction=True)
def test_a_request_whose_view_deletes_the_user_is_recorded(client, anna):
    client.force_login(anna)
    assert client.get("/leave/").status_code == 200
    event = Log.objects.get()
    assert (event.user_id, event.user_repr) == (None, "anna")


def test_an_async_request_is_written_on_the_event_loop(settings, async_client, monkeypatch):
    settings.EVENTLOG = {"BACKEND": "eventlog.backends.dummy.DummyBackend"}
    settings.MIDDLEWARE = [OURS]
    threads = set()
    monkeypatch.setattr(
        "eventlog.backends.dummy.DummyBackend.awrite_isolated",
        lambda self, records: asyncio.sleep(0, threads.add(threading.get_ident())),
    )

    async def get():
        response = await async_client.get("/aok/")
        return response, threading.get_ident()

    response, loop_thread = async_to_sync(get)()
    assert (response.content, threads) == (b"ok", {loop_thread})


def test_a_cancelled_request_is_recorded_without_a_status(settings):
    from eventlog.middleware import EventLogMiddleware

    async def get_response(request):
        raise asyncio.CancelledError

    from django.test import AsyncRequestFactory

    async def get():
        await EventLogMiddleware(get_response)(AsyncRequestFactory().get("/ok/"))

    with pytest.raises(asyncio.CancelledError):
        async_to_sync(get)()
    extra = Log.objects.get().extra
    assert extra["exception"] == "CancelledError"
    assert "status" not in extra


def test_rows_that_the_view_writes_are_kept(client, db):
    client.post("/widgets/add/", {"name": "w"})
    assert Widget.objects.count() == 1
