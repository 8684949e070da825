"""Syslog messages over each transport."""

import json
import re
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import CommandError

from eventlog.contrib.forward.event import Event
from eventlog.contrib.forward.syslog import SyslogTarget
from eventlog.records.record import Record

MESSAGE = re.compile(r"<(\d+)>1 (\S+) (\S+) (\S+) (\d+) (\S+) - (\{.*\})")


def event(action="ORDER PAID", status=None):
    return Event(Record.build(None, action)._replace(status=status).to_json())


def parsed(message):
    priority, _, _, app_name, _, kind, text = MESSAGE.fullmatch(message.decode()).groups()
    return int(priority), app_name, kind, json.loads(text)


def test_a_datagram_to_a_socket_is_one_message(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "log"))
        target = SyslogTarget(address=str(tmp_path / "log"), facility=4, app_name="my site")
        sent = [event(), event(status=404), event("É", 500)]
        target.send(sent)
        messages = [parsed(server.recv(65536)) for _ in sent]
    assert [priority for priority, *_ in messages] == [4 * 8 + 6, 4 * 8 + 4, 4 * 8 + 3]
    assert messages[2][2] == "-"
    assert [each[1:3] for each in messages[:2]] == [("mysite", "ORDERPAID")] * 2
    assert [document["event"]["id"] for *_, document in messages] == [each.id for each in sent]


def test_a_datagram_reaches_a_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        SyslogTarget(address=f"udp://127.0.0.1:{server.getsockname()[1]}").send([event()])
        assert parsed(server.recv(65536))[1] == "eventlog"


def test_a_stream_counts_the_bytes_of_each_message():
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = SyslogTarget(address=f"tcp://127.0.0.1:{server.getsockname()[1]}")
        assert "does not acknowledge" in target.send([event(), event()])
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as stream:
            for _ in range(2):
                length = b""
                while (digit := stream.read(1)) != b" ":
                    length += digit
                parsed(stream.read(int(length)))
            assert stream.read() == b""


def test_a_certificate_is_verified(certificate):
    certificate, authority = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tls://127.0.0.1:{server.getsockname()[1]}"

        def receive():
            connection, _ = server.accept()
            with context.wrap_socket(connection, server_side=True) as wrapped:
                return wrapped.recv(65536)

        with ThreadPoolExecutor(1) as pool:
            received = pool.submit(receive)
            with pytest.raises(ssl.SSLCertVerificationError):
                SyslogTarget(address=address).send([event()])
            with pytest.raises(ssl.SSLError):
                received.result()
            received = pool.submit(receive)
            SyslogTarget(address=address, ca_file=str(authority)).send([event()])
            parsed(received.result().partition(b" ")[2])


@pytest.mark.django_db
def test_an_event_that_is_too_large_for_a_datagram_is_refused(forwarding, run, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "log"))
        options = {"address": str(tmp_path / "log")}
        backend = forwarding(siem={"TARGET": "syslog", "OPTIONS": options})
        for text in ("x" * 70_000, "small"):
            backend.write([Record.build(None, "A", {"text": text})])
        backend.flush()
        assert run("run") == "siem: 1 event sent.\n"
        assert parsed(server.recv(65536))[3]["eventlog"]["extra"] == {"text": "small"}


@pytest.mark.parametrize(
    "options",
    [
        {"address": "log"},
        {"address": "tcp://"},
        {"address": "https://example.com"},
        {"address": None},
        {"facility": 24},
        {"timeout": -1},
        {"address": "tls://127.0.0.1", "ca_file": "/no/such/file"},
    ],
)
def test_a_wrong_option_is_refused(forwarding, run, options):
    forwarding(siem={"TARGET": "syslog", "OPTIONS": options})
    with pytest.raises(CommandError, match="does not accept"):
        run("test", "siem")


def test_an_unreachable_daemon_is_an_error(tmp_path):
    with pytest.raises(OSError):
        SyslogTarget(address=str(tmp_path / "none")).send([event()])
