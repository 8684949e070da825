"""Backends that publish batches to a task queue."""

import os

import pytest
from django.core.management import call_command

from eventlog.backends import get_backend
from eventlog.backends.delivery.segments import UnknownDestination
from eventlog.backends.queued import QueuedBackend, deliver_or_dead_letter
from eventlog.models import Log, log
from eventlog.records.record import Record

from .support import actions, files, here

pytestmark = pytest.mark.django_db(transaction=True)

LINE = Record.build(None, "X").to_json()
published = []


class Unattended(QueuedBackend):
    """A broker without a worker."""

    def publish(self, batch_id, lines, destination):
        published.append((batch_id, lines, destination))


class Down(QueuedBackend):
    """A broker that cannot be reached."""

    def publish(self, batch_id, lines, destination):
        raise ConnectionError("no broker on purpose")


@pytest.fixture
def choose(settings, tmp_path):
    published.clear()

    def choose(name="Unattended", **options):
        options = {"spool": tmp_path, "interval": None} | options
        settings.EVENTLOG = {"BACKEND": f"{__name__}.{name}", "OPTIONS": options}
        return get_backend()

    yield choose
    settings.EVENTLOG = {}
    get_backend()


def test_a_batch_at_the_broker_waits_until_it_is_written(choose):
    backend = choose()
    log(None, "X")
    call_command("eventlog_spool", "deliver")
    assert len(files(backend.spool, "*.inflight")) == 1
    assert not backend.wait_until_delivered(0.01)
    assert (backend.status().events, backend.status().in_flight) == (1, 1)


def test_a_batch_that_a_worker_wrote_twice_is_written_once(choose):
    choose()
    log(None, "X")
    get_backend().flush()
    (batch,) = published
    for _ in range(2):
        deliver_or_dead_letter(*batch)
    assert actions() == ["X"]


def test_a_written_batch_is_acknowledged(choose, monkeypatch):
    monkeypatch.setattr("eventlog.backends.queued.MIN_ACK_AGE", -1.0)
    backend = choose()
    log(None, "X")
    backend.flush()
    deliver_or_dead_letter(*published[0])
    backend.flush()
    assert files(backend.spool) == []


def test_a_batch_that_the_broker_lost_is_published_again(choose, monkeypatch):
    monkeypatch.setattr("eventlog.backends.queued.MIN_ACK_AGE", -1.0)
    backend = choose(resend_after=0)
    log(None, "X")
    backend.flush()
    os.utime(files(backend.spool)[0])  # its change is a moment ago now
    backend.flush()
    assert published == [published[0]] * 2


def test_a_broker_that_is_down_loses_nothing(choose, caplog):
    log_backend = choose("Down")
    log(None, "X")
    assert not log_backend.flush()
    assert "no broker on purpose" in caplog.text
    assert choose().flush()
    assert len(published) == 1


def test_a_worker_keeps_lines_that_no_database_accepts(choose):
    backend = choose()
    deliver_or_dead_letter("1-1-1", [LINE, "no event"], here())
    assert actions() == ["X"]
    assert [each.line for each in backend.spool.dead_letters.read()] == ["no event"]


def test_a_worker_without_a_spool_logs_lines_that_no_database_accepts(caplog):
    deliver_or_dead_letter("1-1-1", [LINE, "no event"], here())
    assert Log.objects.count() == 1
    assert "no event" in caplog.text


def test_a_worker_ignores_the_events_of_a_test_run(caplog):
    deliver_or_dead_letter("1-1-1", [LINE], f"{here().partition('!')[0]}!test-1")
    assert (actions(), caplog.text) == ([], "")


def test_a_worker_does_not_write_events_of_another_database():
    with pytest.raises(UnknownDestination, match="reassign"):
        deliver_or_dead_letter("1-1-1", [LINE], "postgresql@elsewhere:5432,shop")
    assert actions() == []


def test_another_backend_delivers_the_batches_that_no_worker_wrote(choose, spooling, tmp_path):
    choose()
    log(None, "X")
    call_command("eventlog_spool", "deliver")
    backend = spooling(spool=tmp_path)
    log(None, "Y")
    assert backend.flush()
    deliver_or_dead_letter(*published[0])  # the worker is late
    assert actions() == ["X", "Y"]
    assert backend.status().events == 0
