"""The trace of a request comes from the traceparent of a trusted proxy."""

import pytest
from asgiref.sync import async_to_sync

from eventlog.models import Log

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture
def events(outbox, settings):
    settings.EVENTLOG = settings.EVENTLOG | {"TRUSTED_PROXIES": ["127.0.0.1"]}
    return outbox


def ids_of(event):
    return event.extra.get("trace_id"), event.extra.get("span_id")


@pytest.mark.parametrize(
    "sent",
    [
        VALID,
        f"00-{TRACE}-{SPAN}-00",
        f"00-{TRACE}-{SPAN}-ff",
        f"01-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-what-comes-later",
        f"01-{TRACE}-{SPAN}-01-",
    ],
)
def test_the_request_and_its_events_have_the_ids_of_the_header(client, events, sent):
    client.get("/service/", headers={"traceparent": sent})
    assert [ids_of(event) for event in events] == [(TRACE, SPAN)] * 2


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "00",
        TRACE,
        f"ff-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"0g-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}0-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-0x",
        f"00-{TRACE}-{SPAN}-01-later",
        f"00-{TRACE}-{SPAN}-01-",
        f"01-{TRACE}-{SPAN}-01later",
        f"{VALID},{VALID}",
        f" {VALID}",
        f"{VALID}\n",
    ],
)
def test_an_invalid_header_is_ignored(client, events, sent):
    client.get("/ok/", HTTP_TRACEPARENT=sent)
    assert ids_of(events[0]) == (None, None)


@pytest.mark.parametrize("proxies", [[], ["10.0.0.0/8"], ["unix"]])
def test_the_header_of_an_untrusted_sender_is_ignored(client, events, settings, proxies):
    settings.EVENTLOG = settings.EVENTLOG | {"TRUSTED_PROXIES": proxies}
    client.get("/ok/", headers={"traceparent": VALID})
    assert ids_of(events[0]) == (None, None)


def test_an_event_of_async_code_has_the_ids(async_client, events):
    async_to_sync(async_client.get)("/aservice/", headers={"traceparent": VALID})
    assert [ids_of(event) for event in events] == [(TRACE, SPAN)] * 2


def test_a_trace_that_is_not_enabled_is_not_recorded(client, events, settings):
    settings.EVENTLOG = settings.EVENTLOG | {"FIELDS": ["path", "trace_id"]}
    client.get("/ok/", headers={"traceparent": VALID})
    assert events[0].extra == {"path": "/ok/", "trace_id": TRACE}


@pytest.mark.django_db
@pytest.mark.parametrize("search", [TRACE, TRACE.upper(), VALID])
def test_a_search_finds_the_events_of_a_trace(client, settings, search):
    settings.EVENTLOG = {"TRUSTED_PROXIES": ["127.0.0.1"]}
    client.get("/ok/", headers={"traceparent": VALID})
    client.get("/ok/", headers={"traceparent": VALID.replace("4bf", "abc")})
    found = Log.objects.search(f"trace:{search} has:trace")
    assert [event.facts["trace_id"] for event in found] == [TRACE]
