"""log() records the request that is being answered."""

import pytest
from asgiref.sync import async_to_sync

from eventlog.models import log


def test_log_in_a_nested_call_records_the_request(client, outbox):
    client.get("/service/", REMOTE_ADDR="192.0.2.7")
    inner, outer = outbox
    assert inner.action == "DEEP_DOWN"
    assert inner.extra["request_id"] == outer.extra["request_id"]
    assert (inner.extra["path"], inner.extra["view"]) == ("/service/", "service")
    assert (inner.extra["n"], inner.extra["ip"]) == (
        1,
        "mine",
    )  # The caller's value takes precedence.
    assert "status" not in inner.extra


@pytest.mark.parametrize("path", ["/aservice/", "/mixed/"])
def test_log_in_async_code_records_the_request(async_client, outbox, path):
    async_to_sync(async_client.get)(path)
    inner, outer = outbox
    assert inner.extra["request_id"] == outer.extra["request_id"]
    assert inner.extra["view"] == path.strip("/")


def test_enrich_false_omits_the_fields_of_the_request(client, outbox, settings):
    settings.EVENTLOG = settings.EVENTLOG | {"ENRICH": False}
    client.get("/service/")
    assert outbox[0].extra == {"n": 1, "ip": "mine"}


def test_log_after_a_request_records_no_fields_of_it(client, outbox):
    client.get("/crash/")
    log(None, "LATER")
    assert outbox[-1].extra == {}
