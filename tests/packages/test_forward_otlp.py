"""OpenTelemetry logs, to a receiver built on opentelemetry-proto."""

import gzip
import json
from collections import Counter
from datetime import datetime

import pytest
from django.core.management import CommandError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from eventlog.contrib.forward.event import Event
from eventlog.contrib.forward.otlp import OtlpTarget
from eventlog.models import Log, log
from eventlog.records.record import Record
from tests.contrib.forward.receiver import Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver():
    with Receiver() as server:
        yield server


@pytest.fixture
def site(forwarding, receiver):
    """Return a function that configures the target."""

    def choose(batch_size=2, **options):
        options = {"endpoint": receiver.url, "timeout": 1.0} | options
        target = {"TARGET": "otlp", "OPTIONS": options, "BATCH_SIZE": batch_size}
        return forwarding(collector=target)

    return choose


def log_five(backend):
    for number in range(5):
        log(None, "A", {"number": number}, durability="always")
    assert backend.flush()


def value_of(value):
    kind = value.WhichOneof("value")
    if kind == "kvlist_value":
        return {each.key: value_of(each.value) for each in value.kvlist_value.values}
    if kind == "array_value":
        return [value_of(each) for each in value.array_value.values]
    return getattr(value, kind) if kind else None


def received(receiver):
    """Return the resource and the log record of each event, with plain attributes."""
    for body in receiver.stored:
        request = ExportLogsServiceRequest.FromString(gzip.decompress(body))
        for group in request.resource_logs:
            resource = {each.key: value_of(each.value) for each in group.resource.attributes}
            for scope in group.scope_logs:
                for record in scope.log_records:
                    yield (
                        resource,
                        record,
                        {each.key: value_of(each.value) for each in record.attributes},
                    )


def ids_of(receiver):
    return Counter(attributes["log.record.uid"] for _, _, attributes in received(receiver))


def test_a_request_has_the_stable_names_of_the_semantic_conventions(site, receiver, run, client):
    backend = site(service_name="shop", resource={"deployment.environment.name": "test"})
    client.get("/no/such/page/?a=1", headers={"user-agent": "curl/8.1"})
    backend.flush()
    run("run")
    ((resource, record, attributes),) = received(receiver)
    row = Log.objects.get()
    assert resource["service.name"] == "shop"
    assert resource["deployment.environment.name"] == "test"
    assert record.event_name == row.action
    assert record.severity_text == "WARN"
    assert record.time_unix_nano // 1000 == round(row.timestamp.timestamp() * 1_000_000)
    expected = {
        "log.record.uid": str(row.uid),
        "http.request.method": "GET",
        "http.response.status_code": 404,
        "url.path": "/no/such/page/",
        "url.query": "a=1",
        "client.address": "127.0.0.1",
        "user_agent.original": "curl/8.1",
        "eventlog.is_request": True,
    }
    assert {name: attributes[name] for name in expected} == expected


def test_an_event_has_the_trace_and_the_span_of_its_request(site, receiver, run, client, settings):
    backend = site()
    settings.EVENTLOG = settings.EVENTLOG | {"TRUSTED_PROXIES": ["127.0.0.1"]}
    client.get("/ok/", headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    backend.flush()
    run("run")
    ((_, record, attributes),) = received(receiver)
    assert (record.trace_id.hex(), record.span_id.hex()) == ("a" * 32, "b" * 16)
    assert not {"TraceId", "SpanId"} & {*attributes}


def test_the_values_of_the_application_keep_their_types(site, receiver, run):
    backend = site()
    extra = {"total": 7.5, "tags": ["a", 1, None], "large": 1 << 70, "more": {"a": True}}
    log(None, "ORDER_PAID", extra, durability="always")
    backend.flush()
    run("run")
    ((_, record, attributes),) = received(receiver)
    assert attributes["eventlog.extra"] == {**extra, "large": str(1 << 70)}
    assert record.body.string_value == "ORDER_PAID"


def test_a_receiver_that_fails_hangs_and_forgets_gets_each_event(site, receiver, run):
    log_five(site())
    receiver.behaviours += [401, "hang", "forget", "accept", 500, "accept", 404]
    for _ in range(8):
        try:
            run("run")
        except CommandError:
            continue
    counts = ids_of(receiver)
    assert {*counts} == {str(uid) for uid in Log.objects.values_list("uid", flat=True)}
    assert max(counts.values()) == 2


def test_a_redirect_loses_nothing(site, receiver, run):
    log_five(site(batch_size=10))
    receiver.behaviours += [301]
    with pytest.raises(CommandError, match="the receiver answered 301"):
        run("run")
    run("run")
    assert len(ids_of(receiver)) == 5


def test_a_refused_event_becomes_a_dead_letter(site, receiver, run):
    log_five(site(batch_size=10))
    receiver.behaviours += [413, 400, 400]
    run("run")
    facts = json.loads(run("status", "--json"))["collector"]
    assert facts["sent"] + facts["dead_letters"] == 5
    assert len(ids_of(receiver)) == facts["sent"]


def test_a_batch_that_is_accepted_in_part_becomes_dead_letters_and_is_not_repeated(
    site, receiver, run
):
    log_five(site(batch_size=3))
    partial = ExportLogsPartialSuccess(rejected_log_records=1, error_message="too old")
    receiver.answer = ExportLogsServiceResponse(partial_success=partial).SerializeToString()
    run("run")
    facts = json.loads(run("status", "--json"))["collector"]
    assert (facts["dead_letters"], facts["waiting_events"]) == (5, 0)
    assert [*ids_of(receiver).values()] == [1] * 5


def test_an_answer_in_another_format_acknowledges_as_well(site, receiver, run):
    site()
    receiver.answer = b'{"partialSuccess":{}}'
    assert "the receiver answered 200" in run("test", "collector")


def test_a_test_event_reports_the_answer(site, receiver, run):
    site()
    assert "the receiver answered 200" in run("test", "collector")


def test_a_receiver_that_is_down_is_an_error(site, receiver, run):
    site(endpoint="http://127.0.0.1:1/v1/logs", timeout=0.5)
    with pytest.raises(CommandError, match="the receiver did not answer"):
        run("test", "collector")


@pytest.mark.parametrize("date", ["0001-01-01T00:00:00", "9999-12-31T23:59:59"])
def test_a_time_that_otlp_cannot_represent_does_not_stop_the_others(receiver, date):
    record = Record.build(None, "A")
    moved = record._replace(timestamp=datetime.fromisoformat(f"{date}+00:00"))
    OtlpTarget(endpoint=receiver.url).send([Event(record.to_json()), Event(moved.to_json())])
    assert len([*received(receiver)]) == 2


@pytest.mark.parametrize(
    "options", [{"endpoint": "collector:4318"}, {"compression": "zip"}, {"timeout": 0}]
)
def test_a_wrong_option_is_refused(site, run, options):
    site(**options)
    with pytest.raises(CommandError, match="does not accept"):
        run("test", "collector")
