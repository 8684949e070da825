"""Events of the consumers of Channels. test_daphne.py has a real server."""

from itertools import pairwise

import pytest
from asgiref.sync import async_to_sync
from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.testing import HttpCommunicator, WebsocketCommunicator
from django.contrib.auth.models import User
from django.urls import path
from django.utils.functional import SimpleLazyObject

from eventlog.contrib.channels import EventLogConsumerMiddleware
from eventlog.models import Log

from ..test_docs import ROOT
from ..test_docs_examples import containing
from .asgi import AsyncChat, chats, routes

TIMEOUT = 60  # seconds; the first connection loads the parser of user agents
pytestmark = pytest.mark.django_db

HEADERS = [
    (b"host", b"testserver"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"x-forwarded-for", b"203.0.113.7"),
    (b"x-request-id", b"7f3a"),
]


@pytest.fixture
def anna(db):
    return User.objects.create_user("anna")


@async_to_sync
async def say(*texts, page="/async/lobby/?n=1", app=chats, headers=(), **scope):
    """Say ``texts`` over one connection."""
    communicator = WebsocketCommunicator(app, page, [*HEADERS, *headers])
    communicator.scope |= {"client": ["192.0.2.7", 5000]} | scope
    assert (await communicator.connect(TIMEOUT))[0]
    for text in texts:
        await communicator.send_to(text)
        assert await communicator.receive_from(TIMEOUT) == "done"
    await communicator.disconnect(timeout=TIMEOUT)


def cookie_of(client):
    return (b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode())


@pytest.mark.parametrize("page", ["/async/lobby/?n=1", "/sync/lobby/?n=1"])
def test_events_of_a_consumer_have_the_facts_of_the_connection(client, anna, outbox, page):
    client.force_login(anna)
    say("hello", page=page, headers=[cookie_of(client)])
    said, explained = outbox
    assert {said.user_id, explained.user_id} == {anna.pk}
    kind = page.split("/")[1]
    expected = {
        "ip": "192.0.2.7",
        "method": "GET",
        "path": f"/{kind}/lobby/",
        "query": "n=1",
        "route": f"{kind}/<room>/",
        "view": f"{kind}-chat",
        "client_request_id": "7f3a",
        "text": "hello",
    }
    assert {**said.extra, **expected} == said.extra
    assert said.extra["browser"].startswith("Firefox 140")
    assert explained.extra["reason"] == "ticket 4711"
    assert "reason" not in said.extra


def test_all_events_of_a_connection_have_one_request_id(outbox):
    say("one", "two")
    say("three")
    ids = [event.extra["request_id"] for event in outbox if event.action == "SAID"]
    assert [one == other for one, other in pairwise(ids)] == [True, False]


def test_the_headers_of_a_trusted_proxy_are_believed(outbox, settings):
    settings.EVENTLOG = {**settings.EVENTLOG, "TRUSTED_PROXIES": ["192.0.2.0/24"]}
    say("hello")
    assert outbox[0].ip == "203.0.113.7"
    assert outbox[0].extra["request_id"] == "7f3a"


def test_a_visitor_without_a_login_is_anonymous(outbox):
    say("hello")
    assert (outbox[0].user_id, outbox[0].user_name) == (None, "anonymous")


@pytest.mark.parametrize("kind", ["async", "sync"])
@pytest.mark.django_db(transaction=True)
def test_a_lazy_user_is_loaded_for_the_first_event(outbox, kind):
    anna = User.objects.create_user("anna")
    user = SimpleLazyObject(lambda: User.objects.get(username="anna"))
    app = EventLogConsumerMiddleware(URLRouter(routes))
    say("hello", page=f"/{kind}/lobby/", app=app, user=user)
    assert {event.user_id for event in outbox} == {anna.pk}


def test_a_user_that_cannot_be_loaded_costs_no_event(outbox, caplog):
    app = EventLogConsumerMiddleware(URLRouter(routes))
    say("hello", app=app, user=SimpleLazyObject(lambda: 1 / 0))
    assert [event.action for event in outbox] == ["SAID", "EXPLAINED"]
    assert "ZeroDivisionError" in caplog.text


def test_without_the_middleware_of_channels_events_have_no_user(outbox):
    say("hello", app=EventLogConsumerMiddleware(URLRouter(routes)))
    assert (outbox[0].user_state, outbox[0].extra["path"]) == (None, "/async/lobby/")


@pytest.mark.parametrize("around", ["router", "consumer"])
def test_secrets_in_the_path_are_masked(outbox, around):
    router = URLRouter([path("secret/<token>/", EventLogConsumerMiddleware(AsyncChat.as_asgi()))])
    app = {"router": chats, "consumer": AuthMiddlewareStack(router)}[around]
    say("hello", page="/secret/q7Xk29ZpLm4tB8/", app=app)
    assert outbox[0].extra["path"] == "/secret/********/"


@pytest.mark.django_db(transaction=True)
def test_the_person_who_has_hijacked_the_account_acts(client, settings, anna):
    settings.ROOT_URLCONF = "hijack.urls"
    client.force_login(User.objects.create_superuser("zora"))
    client.post("/acquire/", {"user_pk": anna.pk})
    say("hello", headers=[cookie_of(client)])
    event = Log.objects.get(action="SAID")
    assert (event.user, event.extra["acting_user"]) == (anna, "zora")


def test_events_of_a_http_consumer_have_the_facts_of_the_request(outbox):
    app = EventLogConsumerMiddleware(URLRouter(routes))
    communicator = HttpCommunicator(app, "POST", "/download/")
    async_to_sync(communicator.get_response)(TIMEOUT)
    assert (outbox[0].extra["method"], outbox[0].extra["path"]) == ("POST", "/download/")


def test_messages_without_a_connection_are_passed_on(outbox):
    seen = []

    async def inner(scope, receive, send):
        seen.append(scope)

    async_to_sync(EventLogConsumerMiddleware(inner))({"type": "channel"}, None, None)
    assert seen == [{"type": "channel"}]


def test_a_scope_without_a_path_costs_no_connection(caplog):
    seen = []

    async def inner(scope, receive, send):
        seen.append(scope)

    async_to_sync(EventLogConsumerMiddleware(inner))({"type": "websocket"}, None, None)
    assert seen == [{"type": "websocket"}]
    assert "reading the scope of a connection" in caplog.text


def test_while_eventlog_is_off_consumers_work(outbox, settings):
    settings.EVENTLOG = {**settings.EVENTLOG, "ENABLED": False}
    say("hello")
    assert outbox == []


@pytest.mark.django_db(transaction=True)
def test_the_example_of_the_documentation_records_messages(client, outbox):
    names = {"__name__": "example"}
    exec(containing((ROOT / "docs" / "context.md").read_text(), "AuthMiddlewareStack("), names)
    client.force_login(User.objects.create_user("anna"))

    async def say():
        page, headers = "/chat/lobby/", [cookie_of(client)]
        communicator = WebsocketCommunicator(names["application"], page, headers)
        await communicator.connect(TIMEOUT)
        await communicator.send_to("hello")
        await communicator.disconnect(timeout=TIMEOUT)

    async_to_sync(say)()
    (event,) = outbox
    assert (event.user_name, event.extra["room"]) == ("anna", "lobby")
    assert event.extra["route"] == "chat/<room>/"
