"""Events in a stream of a real NATS server."""

import asyncio
import json
import socket
from uuid import uuid4

import nats
import pytest
from django.core.management import CommandError
from nats.errors import NoServersError, TimeoutError  # noqa: A004 (the name in nats-py)

from eventlog.contrib.forward.nats_jetstream import NatsTarget
from eventlog.models import Log, log

SERVER = "nats://127.0.0.1:4222"

pytestmark = pytest.mark.django_db


async def with_stream(use):
    connection = await nats.connect(SERVER, connect_timeout=2, allow_reconnect=False)
    try:
        return await use(connection.jetstream())
    finally:
        await connection.close()


@pytest.fixture
def subject():
    """A subject that a new stream stores."""
    name = f"test-{uuid4().hex}"
    try:
        asyncio.run(with_stream(lambda js: js.add_stream(name=name, subjects=[name])))
    except (OSError, NoServersError, TimeoutError):
        pytest.skip(f"no NATS server with JetStream at {SERVER}")
    yield name
    asyncio.run(with_stream(lambda js: js.delete_stream(name)))


def messages(subject):
    """Return the messages in the stream."""

    async def read(js):
        info = await js.stream_info(subject)
        return [await js.get_msg(subject, seq) for seq in range(1, info.state.last_seq + 1)]

    return asyncio.run(with_stream(read))


@pytest.fixture
def site(forwarding, subject):
    options = {"servers": SERVER, "subject": subject, "timeout": 5}
    backend = forwarding(bus={"TARGET": "nats", "OPTIONS": options, "BATCH_SIZE": 2})
    for number in range(5):
        log(None, "A", {"number": number}, durability="always")
    assert backend.flush()
    return backend


def ids():
    return [str(uid) for uid in Log.objects.order_by("id").values_list("uid", flat=True)]


def test_the_stream_has_each_event_once_with_its_id(site, subject, run):
    assert run("run") == "bus: 5 events sent.\n"
    found = messages(subject)
    assert sorted(message.headers["Nats-Msg-Id"] for message in found) == sorted(ids())
    assert sorted(json.loads(message.data)["id"] for message in found) == sorted(ids())


def test_a_batch_that_is_sent_again_is_not_stored_again(site, subject, run, monkeypatch):
    send = NatsTarget.send
    forgotten = []

    def forget(self, events):
        answer = send(self, events)
        if not forgotten:
            forgotten.append(answer)
            raise ConnectionError("the answer was lost")
        return answer

    monkeypatch.setattr(NatsTarget, "send", forget)
    with pytest.raises(CommandError):
        run("run")
    assert len(messages(subject)) == 2
    run("run")
    assert sorted(json.loads(message.data)["id"] for message in messages(subject)) == sorted(ids())


def test_a_subject_without_a_stream_is_an_error_that_loses_nothing(site, subject, run):
    asyncio.run(with_stream(lambda js: js.delete_stream(subject)))
    with pytest.raises(CommandError, match="no stream stores the subject"):
        run("run")
    asyncio.run(with_stream(lambda js: js.add_stream(name=subject, subjects=[subject])))
    run("run")
    assert len(messages(subject)) == 5


def test_an_event_above_the_limit_of_the_server_is_a_dead_letter(site, subject, run):
    log(None, "LARGE", {"text": "x" * 1_048_500}, durability="always")
    site.flush()
    assert run("run") == "bus: 5 events sent.\n"
    assert json.loads(run("status", "--json"))["bus"]["dead_letters"] == 1


def test_a_test_event_reports_the_stream(site, subject, run):
    assert f"stored in the stream {subject}" in run("test", "bus")


def test_a_server_that_is_down_is_an_error(forwarding, run):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    options = {"servers": f"nats://127.0.0.1:{port}", "timeout": 1}
    forwarding(bus={"TARGET": "nats", "OPTIONS": options})
    with pytest.raises(CommandError, match="bus: "):
        run("test", "bus")


@pytest.mark.parametrize("options", [{"subject": "a b"}, {"subject": "a.>"}, {"timeout": "1"}])
def test_a_wrong_option_is_refused(forwarding, run, options):
    forwarding(bus={"TARGET": "nats", "OPTIONS": options})
    with pytest.raises(CommandError, match="does not accept"):
        run("test", "bus")
