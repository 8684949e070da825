"""Malformed requests are recorded, and never raise an exception."""

from io import BytesIO

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory

from eventlog.models import Log, log

pytestmark = pytest.mark.django_db(transaction=True)

BYTES = {
    "nul": b"a\x00b",
    "latin-1": b"caf\xe9",
    "utf-8": "café €".encode(),
    "half of utf-8": b"a\xe2\x82",
    "a surrogate in utf-8": b"\xed\xa0\x80",
    "overlong utf-8": b"\xc0\xaf",
    "emoji": "\U0001f600".encode(),
    "line breaks": b"a\r\nSet-Cookie: b",
    "escape": b"\x1b[31mred\x07",
    "right to left": "\u202egpj.exe".encode(),
    "every byte": bytes(range(256)),
    "very long": b"x" * 100_000,
    "very long utf-8": "é".encode() * 50_000,
    "percent": b"%00%ff%zz%",
    "braces": b"{0} {__class__} %s %(x)s",
    "markup": b"<script>alert(1)</script>",
    "sql": b"'; DROP TABLE eventlog_log; --",
    "empty": b"",
    "space": b" ",
}
PLACES = ["PATH_INFO", "QUERY_STRING", "HTTP_USER_AGENT", "HTTP_REFERER", "HTTP_X_REQUEST_ID"]
ADDRESSES = {
    "empty": "",
    "words": "not an address",
    "port": "203.0.113.5:80",
    "octets": "1.2.3.400",
    "scope": "fe80::1%" + "x" * 300,
    "nul": "1.2.3.4\x00",
    "many": "1.1.1.1, " * 1000,
    "digits": "9" * 5000,
    "brackets": "[::1",
}


def wsgi(**environ):
    base = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/ok/",
        "QUERY_STRING": "",
        "REMOTE_ADDR": "203.0.113.5",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.input": BytesIO(),
    }
    response = WSGIHandler()(base | environ, lambda *args: None)
    response.close()
    return response


def storable(value):
    text = str(value)
    return "\x00" not in text and text == text.encode("utf-8", "replace").decode()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", BYTES)
def test_any_bytes_in_a_request_are_recorded_as_storable_text(place, name):
    value = BYTES[name].decode("latin-1")  # as PEP 3333 requires of servers
    assert wsgi(**{place: "/" + value if place == "PATH_INFO" else value}).status_code < 500
    event = Log.objects.get()
    assert all(storable(fact) for fact in event.extra.values())
    assert all(len(str(fact)) <= 2048 for fact in event.extra.values())


@pytest.mark.parametrize("header", ["REMOTE_ADDR", "HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED"])
@pytest.mark.parametrize("name", ADDRESSES)
def test_a_request_with_a_malformed_address_is_recorded(settings, header, name):
    settings.EVENTLOG = {"TRUSTED_PROXIES": ["203.0.113.5", "unix"]}
    assert wsgi(**{header: ADDRESSES[name]}).status_code == 200
    assert Log.objects.count() == 1


@pytest.mark.parametrize("method", ["BREW", "get", "GET\x00", "M" * 10_000, "É", "{x}", "G E T"])
def test_unknown_methods_share_one_action(method):
    wsgi(REQUEST_METHOD=method)
    event = Log.objects.get()
    assert event.action in ("OTHER_OK", "GET_OK")
    assert len(event.extra["method"]) <= 32


@pytest.mark.parametrize("path", ["/a", "/b", "/wp-admin.php", "/" + "x" * 5000, "/%2e%2e/"])
def test_unresolved_paths_share_one_action(path):
    wsgi(PATH_INFO=path)
    assert Log.objects.get().action == "GET_UNRESOLVED"


@pytest.mark.parametrize("host", ["evil.example", "a b", "[::1", "\x00"])
def test_a_request_with_a_malformed_host_is_recorded_with_status_400(host):
    assert wsgi(HTTP_HOST=host).status_code == 400
    assert Log.objects.get().extra["status"] == 400


async def asgi(**scope):
    base = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/aok/",
        "raw_path": b"/aok/",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": ("203.0.113.5", 1234),
        "server": ("localhost", 80),
    }
    communicator = ApplicationCommunicator(ASGIHandler(), base | scope)
    await communicator.send_input({"type": "http.request", "body": b""})
    start = await communicator.receive_output(5)
    while (await communicator.receive_output(5)).get("more_body"):
        pass
    await communicator.wait(5)
    return start["status"]


@pytest.mark.parametrize("name", BYTES)
def test_any_bytes_in_headers_under_asgi_are_recorded_as_storable_text(name):
    headers = [(b"host", b"localhost"), (b"user-agent", BYTES[name]), (b"referer", BYTES[name])]
    assert async_to_sync(asgi)(headers=headers) == 200
    assert all(storable(fact) for fact in Log.objects.get().extra.values())


@pytest.mark.parametrize("client", [None, ("", 0), ("testclient", 5)])
def test_a_client_without_an_address_under_asgi_is_recorded_without_ip(client):
    assert async_to_sync(asgi)(client=client) == 200
    assert "ip" not in Log.objects.get().extra


def test_the_last_of_two_forwarding_headers_under_asgi_is_read(settings):
    settings.EVENTLOG = {"TRUSTED_PROXIES": ["203.0.113.5"]}
    headers = [
        (b"host", b"localhost"),
        (b"x-forwarded-for", b"6.6.6.6"),
        (b"x-forwarded-for", b"198.51.100.7"),
    ]
    async_to_sync(asgi)(headers=headers)
    assert Log.objects.get().extra["ip"] == "198.51.100.7"


def test_a_lone_surrogate_in_a_path_under_asgi_is_replaced():
    async_to_sync(asgi)(path="/\udcff", raw_path=b"/%ff")  # which Django answers with 500
    assert Log.objects.get().extra["path"] == "/\ufffd"


def test_a_header_in_utf_8_is_decoded():
    wsgi(HTTP_USER_AGENT="café €".encode().decode("latin-1"))
    assert Log.objects.get().extra["ua"] == "café €"


def test_an_extra_that_is_too_large_is_refused_with_both_sizes(settings, outbox):
    settings.EVENTLOG = {**settings.EVENTLOG, "MAX_EXTRA_BYTES": 2000}
    log(None, "FITS", {"text": "x" * 1900})
    with pytest.raises(ValueError, match=r"2,013 bytes.*MAX_EXTRA_BYTES.*2,000"):
        log(None, "TOO_LARGE", {"text": "x" * 2002})
    assert [event.action for event in outbox] == ["FITS"]


def test_facts_of_a_request_are_added_to_an_extra_that_fits(settings, outbox, client):
    settings.EVENTLOG = {**settings.EVENTLOG, "MAX_EXTRA_BYTES": 1024}
    request = RequestFactory().get("/x/" * 300)
    assert log(None, "X", {"text": "x" * 900}, request=request).extra["method"] == "GET"


def test_a_request_event_that_is_too_large_names_the_missing_values(settings, outbox, client):
    settings.EVENTLOG = {
        **settings.EVENTLOG,
        "MAX_EXTRA_BYTES": 4096,
        "REQUESTS": [{"extra": lambda request, response: {"big": "é" * 5000, "small": 1}}],
    }
    assert client.get("/ok/").status_code == 200
    (event,) = outbox
    assert (event.extra["small"], event.extra["truncated"]) == (1, ["big"])
    assert (event.extra["status"], "big" in event.extra) == (200, False)
