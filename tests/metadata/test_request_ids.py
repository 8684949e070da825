"""Request ids come from trusted proxies or are new."""

import os
import random

import pytest

TRUSTED = [
    (["10.0.0.0/8"], "10.1.2.3"),
    (["2001:db8::/32"], "2001:db8::1"),
    (["10.0.0.0/8"], "::ffff:10.1.2.3"),
    (["unix"], ""),
    (1, "198.51.100.9"),
    (2, ""),
]


UNTRUSTED = [
    ([], "10.1.2.3"),
    (0, "10.1.2.3"),
    ([], ""),
    (["10.0.0.0/8"], "198.51.100.9"),
    (["10.0.0.0/8"], ""),
    (["10.0.0.0/8"], "10.1.2.3" + " " * 1000 + "x"),
    (["unix"], "198.51.100.9"),
    (["unix"], "unix"),
]


@pytest.mark.parametrize(("proxies", "peer"), TRUSTED)
def test_the_request_id_of_a_trusted_proxy_is_used(client, outbox, settings, proxies, peer):
    settings.EVENTLOG = settings.EVENTLOG | {"TRUSTED_PROXIES": proxies}
    client.get("/service/", HTTP_X_REQUEST_ID="abc-123", REMOTE_ADDR=peer)
    assert [event.extra["request_id"] for event in outbox] == ["abc-123"] * 2
    assert all("client_request_id" not in event.extra for event in outbox)


@pytest.mark.parametrize(("proxies", "peer"), UNTRUSTED)
def test_the_request_id_of_an_untrusted_sender_is_stored_separately(
    client, outbox, settings, proxies, peer
):
    settings.EVENTLOG = settings.EVENTLOG | {"TRUSTED_PROXIES": proxies}
    for _ in range(2):
        client.get("/service/", HTTP_X_REQUEST_ID="abc-123", REMOTE_ADDR=peer)
    ids = [event.extra["request_id"] for event in outbox]
    assert (ids[0], ids[2]) == (ids[1], ids[3])
    assert len({*ids, "abc-123"}) == 3
    assert all(event.extra["client_request_id"] == "abc-123" for event in outbox)


@pytest.mark.parametrize(
    ("headers", "sent", "expected"),
    [
        (None, {"HTTP_X_CORRELATION_ID": "def"}, "def"),
        (None, {"HTTP_X_CORRELATION_ID": "def", "HTTP_X_REQUEST_ID": "abc"}, "abc"),
        (["CF-Ray"], {"HTTP_CF_RAY": "8f1a-FRA", "HTTP_X_REQUEST_ID": "abc"}, "8f1a-FRA"),
        (["X-Amzn-Trace-Id"], {"HTTP_X_AMZN_TRACE_ID": "Self=1-2;Root=1-3"}, "Self=1-2;Root=1-3"),
    ],
)
def test_the_request_id_is_in_the_first_configured_header(
    client, outbox, settings, headers, sent, expected
):
    given = {} if headers is None else {"REQUEST_ID_HEADERS": headers}
    settings.EVENTLOG = settings.EVENTLOG | given
    client.get("/ok/", **sent)
    settings.EVENTLOG = settings.EVENTLOG | {"TRUSTED_PROXIES": ["127.0.0.1"]}
    client.get("/ok/", **sent)
    untrusted, trusted = outbox
    assert (trusted.extra["request_id"], untrusted.extra["client_request_id"]) == (expected,) * 2


def test_an_invalid_request_id_does_not_lead_to_the_next_header(client, outbox, settings):
    settings.EVENTLOG = settings.EVENTLOG | {"TRUSTED_PROXIES": ["127.0.0.1"]}
    client.get("/ok/", HTTP_X_REQUEST_ID="a b", HTTP_X_CORRELATION_ID="forged")
    assert outbox[0].extra["request_id"] != "forged"


def test_a_forged_forwarding_header_does_not_make_a_sender_trusted(client, outbox, settings):
    settings.EVENTLOG = settings.EVENTLOG | {"TRUSTED_PROXIES": ["10.0.0.1"]}
    forged = {"HTTP_X_FORWARDED_FOR": "10.0.0.1", "HTTP_FORWARDED": "for=10.0.0.1"}
    client.get("/ok/", HTTP_X_REQUEST_ID="abc-123", REMOTE_ADDR="198.51.100.9", **forged)
    assert outbox[0].extra["request_id"] != "abc-123"


@pytest.mark.parametrize("proxies", [[], ["127.0.0.1"]])
@pytest.mark.parametrize("sent", ["", "a b", "x" * 129, "é", "<script>", "a\n", "a,b"])
def test_an_invalid_request_id_is_replaced(client, outbox, settings, proxies, sent):
    settings.EVENTLOG = settings.EVENTLOG | {"TRUSTED_PROXIES": proxies}
    client.get("/ok/", HTTP_X_REQUEST_ID=sent)
    assert len(outbox[0].extra["request_id"]) == 32
    assert "client_request_id" not in outbox[0].extra


def test_request_ids_differ_when_a_view_seeds_pythons_generator(client, outbox):
    for _ in range(2):
        random.seed(7)
        client.get("/ok/")
    first, second = (event.extra["request_id"] for event in outbox)
    assert first != second


def test_request_ids_differ_after_a_fork(client, outbox):
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        client.get("/ok/")
        os.write(writing, outbox[0].extra["request_id"].encode())
        os._exit(0)
    client.get("/ok/")
    os.waitpid(child, 0)
    assert os.read(reading, 32).decode() != outbox[0].extra["request_id"]
