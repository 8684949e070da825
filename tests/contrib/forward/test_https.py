"""CloudEvents over HTTPS, to a server that fails, hangs and forgets answers."""

import base64
import hmac
import json
from collections import Counter
from hashlib import sha256

import pytest
from django.core.management import CommandError

from eventlog.contrib.forward.https import retry_after
from eventlog.models import Log, log

from .receiver import Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver():
    with Receiver() as server:
        yield server


@pytest.fixture
def site(forwarding, receiver):
    """Return a function that configures the target, and logs five events."""

    def choose(batch_size=2, **options):
        options = {"url": receiver.url, "timeout": 1.0} | options
        backend = forwarding(siem={"TARGET": "https", "OPTIONS": options, "BATCH_SIZE": batch_size})
        for number in range(5):
            log(None, f"A{number}", {"number": number}, durability="always")
        assert backend.flush()
        return backend

    return choose


def run_often(run, attempts=6):
    """Run rounds of sending; return the errors of those that failed."""
    errors = []
    for _ in range(attempts):
        try:
            run("run")
        except CommandError as error:
            errors.append(str(error))
    return errors


def stored(receiver):
    return [event for body in receiver.stored for event in json.loads(body)]


def test_a_receiver_that_fails_hangs_and_forgets_gets_each_event(site, receiver, run):
    site()
    receiver.behaviours += ["forget", "accept", 503, "hang", "forget"]
    errors = run_often(run)
    assert len(errors) == 4
    counts = Counter(event["id"] for event in stored(receiver))
    assert {*counts} == {str(uid) for uid in Log.objects.values_list("uid", flat=True)}
    # Only the two batches whose answers were forgotten were stored twice.
    assert sorted(counts.values()) == [1, 2, 2, 2, 2]
    batches = Counter(
        headers["webhook-id"] for headers, body in receiver.requests if body in receiver.stored
    )
    assert len(batches) == 3


def test_an_event_is_a_cloud_event(site, receiver, run, anna):
    backend = site()
    log(anna, "ORDER_PAID", {"total": 7}, obj=anna, durability="always")
    backend.flush()
    run("run")
    headers, _ = receiver.requests[0]
    assert headers["Content-Type"] == "application/cloudevents-batch+json"
    event = stored(receiver)[-1]
    row = Log.objects.get(action="ORDER_PAID")
    assert event["specversion"] == "1.0"
    assert event["id"] == str(row.uid)
    assert event["source"] == "eventlog"
    assert event["type"] == "ORDER_PAID"
    assert event["subject"] == f"auth.user:{anna.pk}"
    assert event["time"] == row.timestamp.isoformat().replace("+00:00", "Z")
    assert event["data"]["user_name"] == "anna"
    assert event["data"]["extra"] == {"total": 7}


@pytest.mark.parametrize("secret", ["a long secret", "whsec_" + base64.b64encode(b"k").decode()])
def test_a_batch_is_signed_with_its_id_and_time(site, receiver, run, secret):
    site(secret=[secret, "the next secret"])
    run("run")
    key = b"k" if secret.startswith("whsec_") else secret.encode()
    for headers, body in receiver.requests:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.digest(key, signed, sha256)).decode()
        signatures = headers["webhook-signature"].split()
        assert signatures[0] == f"v1,{expected}"
        assert len(signatures) == 2


def test_a_batch_without_a_secret_has_no_signature(site, receiver, run):
    site()
    run("run")
    assert all("webhook-signature" not in headers for headers, _ in receiver.requests)


def test_a_refused_batch_is_split_until_the_refused_event_is_found(site, receiver, run):
    site(batch_size=10)
    receiver.behaviours += [413, "accept", 413, 422, "accept"]
    assert run("run") == "siem: 4 events sent.\n"
    assert len(stored(receiver)) == 4
    facts = json.loads(run("status", "--json"))["siem"]
    assert (facts["dead_letters"], facts["waiting_events"]) == (1, 0)


def test_a_redirect_is_not_followed_and_loses_nothing(site, receiver, run):
    site(batch_size=10)
    receiver.behaviours += [301]
    with pytest.raises(CommandError, match=r"answered 301 .*the new address is /elsewhere"):
        run("run")
    run("run")
    assert len(stored(receiver)) == 5


def test_the_time_that_a_receiver_asks_for_is_kept(site, receiver, run):
    backend = site(batch_size=10)
    receiver.behaviours += [429]
    with pytest.raises(CommandError):
        run("run")
    state = json.loads((backend.spool.directory / "forward/siem/state.json").read_text())
    path = backend.spool.directory / "forward/siem/state.json"
    assert state["retry_at"] - path.stat().st_mtime > 100


def test_a_test_event_reports_the_answer(site, receiver, run):
    site()
    assert "the receiver answered 200" in run("test", "siem")
    receiver.behaviours += [401]
    with pytest.raises(CommandError, match="the receiver answered 401 Unauthorized: because"):
        run("test", "siem")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, 0), ("7", 7), ("soon", 0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)],
)
def test_a_receiver_asks_for_a_pause_in_seconds_or_until_a_date(value, seconds):
    assert retry_after(value) == seconds


def test_a_certificate_is_verified(forwarding, run, certificate):
    certificate, authority = certificate
    with Receiver(certificate) as receiver:
        options = {"url": receiver.url, "timeout": 5}
        forwarding(siem={"TARGET": "https", "OPTIONS": options})
        with pytest.raises(CommandError, match="CERTIFICATE_VERIFY_FAILED"):
            run("test", "siem")
        options = {**options, "ca_file": str(authority)}
        forwarding(siem={"TARGET": "https", "OPTIONS": options})
        assert "answered 200" in run("test", "siem")


@pytest.mark.parametrize(
    "options",
    [
        {"url": "http://example.com/"},
        {"url": "ftp://example.com/"},
        {"url": None},
        {"url": "https://example.com/", "secret": "whsec_!"},
        {"url": "https://example.com/", "secret": [""]},
        {"url": "https://example.com/", "timeout": 0},
        {"url": "https://example.com/", "source": ""},
        {"url": "https://example.com/", "ca_file": "/no/such/file"},
    ],
)
def test_a_wrong_option_is_refused(forwarding, run, options):
    forwarding(siem={"TARGET": "https", "OPTIONS": options})
    with pytest.raises(CommandError, match="does not accept"):
        run("test", "siem")
