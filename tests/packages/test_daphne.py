"""Events of consumers that a daphne server runs, from a WebSocket client."""

import json
import os
import socket
import sys

import pytest

from ..faults import free_port
from ..test_faults import database, site  # noqa: F401 (fixtures)

LOGIN = """
from django.contrib.auth.models import User
from django.test import Client
client = Client()
client.force_login(User.objects.create_user("anna"))
print(client.cookies["sessionid"].value)
"""
DUMP = """
import json
from eventlog.models import Log
print(json.dumps([[e.action, e.user_name, e.ip, e.extra["path"]] for e in Log.objects.all()]))
"""


def converse(port, page, cookie):
    """Open a WebSocket as RFC 6455 says, say "hi", and return the answer."""
    handshake = (
        f"GET {page} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"X-Forwarded-For: 203.0.113.7\r\nCookie: sessionid={cookie}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        stream = connection.makefile("rwb")
        stream.write(handshake.encode())
        stream.flush()
        assert b" 101 " in stream.readline()
        while stream.readline().strip():
            pass
        key = os.urandom(4)
        masked = bytes(byte ^ mask for byte, mask in zip(b"hi", key, strict=False))
        stream.write(b"\x81\x82" + key + masked)  # the last fragment of a text, masked, two bytes
        stream.flush()
        _kind, length = stream.read(2)
        return stream.read(length).decode()


@pytest.mark.faults
def test_events_from_a_daphne_server_have_the_address_and_the_user(site):  # noqa: F811
    site.env["FAULTS_EVENTLOG"] = json.dumps({"TRUSTED_PROXIES": ["127.0.0.1"]})
    cookie = site.manage("shell", "-v0", "-c", LOGIN).strip()
    port = free_port()
    command = [sys.executable, "-m", "daphne", "-p", port, "tests.packages.asgi:application"]
    daphne = site.start(command).listens(port)
    for page in ("/async/lobby/", "/sync/lobby/"):
        assert converse(port, page, cookie) == "done"
    daphne.stop()
    assert json.loads(site.manage("shell", "-v0", "-c", DUMP)) == [
        [action, "anna", "203.0.113.7", page]
        for page in ("/sync/lobby/", "/async/lobby/")
        for action in ("EXPLAINED", "SAID")
    ]
