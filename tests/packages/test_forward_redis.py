"""Events in a stream of a real Redis server."""

import json
import socket
from collections import Counter
from uuid import uuid4

import pytest
import redis
from django.core.management import CommandError

from eventlog.contrib.forward.redis_streams import RedisTarget
from eventlog.models import Log, log

SERVER = "redis://127.0.0.1:6379/0"

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    with redis.Redis.from_url(SERVER, socket_timeout=5) as connected:
        try:
            connected.ping()
        except redis.ConnectionError:
            pytest.skip(f"no Redis server at {SERVER}")
        yield connected


@pytest.fixture
def stream(client):
    """The key of a new stream."""
    name = f"test-{uuid4().hex}"
    yield name
    client.delete(name)


@pytest.fixture
def site(forwarding, stream):
    """Return a function that configures the target, and logs five events."""

    def choose(**options):
        options = {"url": SERVER, "stream": stream, "timeout": 5} | options
        backend = forwarding(bus={"TARGET": "redis", "OPTIONS": options, "BATCH_SIZE": 2})
        for number in range(5):
            log(None, "A", {"number": number}, durability="always")
        assert backend.flush()
        return backend

    return choose


def ids():
    return [str(uid) for uid in Log.objects.order_by("id").values_list("uid", flat=True)]


def stored(client, stream):
    return [fields[b"id"].decode() for _, fields in client.xrange(stream)]


def test_the_stream_has_each_event_in_order(site, stream, client, run):
    site()
    assert run("run") == "bus: 5 events sent.\n"
    assert stored(client, stream) == ids()
    _, fields = client.xrange(stream)[0]
    assert json.loads(fields[b"event"])["data"]["extra"] == {"number": 0}


def test_a_batch_whose_answer_was_lost_is_stored_again_with_the_same_ids(
    site, stream, client, run, monkeypatch
):
    site()
    send = RedisTarget.send
    forgotten = []

    def forget(self, events):
        answer = send(self, events)
        if not forgotten:
            forgotten.append(answer)
            raise redis.ConnectionError("the answer was lost")
        return answer

    monkeypatch.setattr(RedisTarget, "send", forget)
    with pytest.raises(CommandError):
        run("run")
    run("run")
    assert Counter(stored(client, stream)) == {
        uid: 2 if number < 2 else 1 for number, uid in enumerate(ids())
    }


def test_a_key_of_another_type_is_an_error_that_loses_nothing(site, stream, client, run):
    site()
    client.set(stream, "text")
    with pytest.raises(CommandError, match="WRONGTYPE"):
        run("run")
    client.delete(stream)
    run("run")
    assert stored(client, stream) == ids()


def test_the_length_of_a_stream_is_limited(site, stream, client, run):
    site(maxlen=1)
    run("run")
    assert client.xlen(stream) <= 100  # the size of a node, because the limit is approximate
    assert stored(client, stream)[-1] == ids()[-1]


def test_a_test_event_reports_the_entry(site, run):
    site()
    assert "the newest entry is " in run("test", "bus")


def test_a_server_that_is_down_is_an_error(forwarding, run):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    forwarding(bus={"TARGET": "redis", "OPTIONS": {"url": f"redis://127.0.0.1:{port}"}})
    with pytest.raises(CommandError, match="ConnectionError"):
        run("test", "bus")


@pytest.mark.parametrize(
    "options", [{"stream": ""}, {"maxlen": 0}, {"url": "ftp://x"}, {"timeout": 0}]
)
def test_a_wrong_option_is_refused(forwarding, run, options):
    forwarding(bus={"TARGET": "redis", "OPTIONS": options})
    with pytest.raises(CommandError, match="does not accept"):
        run("test", "bus")
