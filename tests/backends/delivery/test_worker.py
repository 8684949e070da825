import os
import socket
import subprocess
import sys
import threading

import pytest
from django.core.management import call_command
from django.db import transaction
from django.test import override_settings

from eventlog.backends import get_backend
from eventlog.backends.delivery import worker as worker_module
from eventlog.backends.delivery.connections import PrivateConnections
from eventlog.backends.delivery.pacer import NoPacer
from eventlog.backends.delivery.worker import DeliveryWorker
from eventlog.middleware import EventLogMiddleware
from eventlog.models import log

from ..support import actions, closing, files, here, in_thread, needs_server, postgresql_only
from .held import TIMEOUT, HeldDelivery

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def delivery(spool):
    return HeldDelivery(spool)


@pytest.fixture
def worker(spool, delivery):
    worker = DeliveryWorker(spool, delivery, interval=3600.0, exit_timeout=TIMEOUT)
    # The first round prunes old ids, which would need a query in another thread.
    delivery.run(NoPacer(), None, lambda: False)
    yield worker
    delivery.may_end.set()
    worker.close()


def add_segments(spool, count):
    for _ in range(count):
        spool.append("x", here())
        spool.rotate()


def pause_and_resume(worker, timeout):
    if paused := worker.pause(timeout):
        worker.resume()
    return paused


class WaitingForHurry(HeldDelivery):
    """A delivery whose segments each end when another thread waits for the round."""

    def send(self, segment, using, pacer):
        self.began.set()
        assert pacer.hurry.wait(TIMEOUT)
        self.sent.append(segment.id)
        segment.remove()


def test_a_pause_waits_for_a_segment_and_not_for_the_whole_round(spool, serving):
    delivery = WaitingForHurry(spool)
    worker = DeliveryWorker(spool, delivery, interval=3600.0, exit_timeout=TIMEOUT)
    delivery.run(NoPacer(), None, lambda: False)
    add_segments(spool, 3)
    worker.wake()
    worker.start()
    assert delivery.began.wait(TIMEOUT)
    assert worker.pause(TIMEOUT)
    assert len(delivery.sent) == 1
    worker.resume()
    worker.close()
    assert len(delivery.sent) == 3


def test_a_pause_that_reaches_its_timeout_returns_false(spool, delivery, worker):
    add_segments(spool, 1)
    thread = threading.Thread(target=closing(worker.run_once))
    thread.start()
    assert delivery.began.wait(TIMEOUT)
    assert not worker.pause(0)
    delivery.may_end.set()
    thread.join()
    assert in_thread(lambda: pause_and_resume(worker, 0))


def test_a_signal_handler_that_raises_in_a_pause_does_not_block_deliveries(worker, monkeypatch):
    def interrupt(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PrivateConnections, "close", interrupt)
        with pytest.raises(KeyboardInterrupt):
            worker.pause(1)
    assert in_thread(lambda: pause_and_resume(worker, 0))


def test_a_round_that_cannot_start_before_its_deadline_returns_false(worker):
    assert worker.pause(0)
    assert in_thread(lambda: worker.run_once(deadline=0.0)) is False
    worker.resume()


def test_a_thread_that_cannot_start_is_reported(worker, monkeypatch, caplog):
    def fail(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    worker.start()
    assert worker.thread is None
    assert "starting the thread" in caplog.text


def test_the_thread_delivers_nothing_while_tests_run(spool, delivery, worker):
    """The test's own thread delivers, in the transaction of the test."""
    delivery.may_end.set()
    add_segments(spool, 1)
    worker.wake()
    worker.start()
    worker.close()
    assert delivery.sent == []
    assert worker.run_once()
    assert len(delivery.sent) == 1


def test_a_closed_worker_does_not_start_again(worker):
    worker.close()
    worker.start()
    assert worker.thread is None


@needs_server
def test_a_thread_delivers_and_stops_with_the_backend(spooling, written, serving):
    spooling(interval=0.01)
    log(None, "X")
    assert written.wait(TIMEOUT)
    with override_settings(EVENTLOG={}):
        get_backend()
        assert "eventlog" not in {thread.name for thread in threading.enumerate()}
    assert actions() == ["X"]


@needs_server
def test_the_middleware_starts_the_thread_for_events_of_an_earlier_process(
    spooling, written, serving
):
    spooling()
    log(None, "LEFT")
    spooling(interval=0.01)
    EventLogMiddleware(lambda request: None)
    assert written.wait(TIMEOUT)
    assert actions() == ["LEFT"]


OTHER_PROCESS = """
import sys
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "eventlog"],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "nowhere",
                           "HOST": "127.0.0.1", "PORT": sys.argv[2]}},
    USE_TZ=True,
)
django.setup()
from eventlog.backends import buffered
from eventlog.records import Record
backend = buffered.BufferedBackend(
    spool=sys.argv[1], interval=60.0, exit_timeout=0.2, batch_size=1
)
backend.write([Record.build(None, "OF_ANOTHER")])
print("written", flush=True)
sys.stdin.read()
"""


def other_process(directory, port):
    """Start a process that writes an event and ends with its standard input."""
    return subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, directory, f"{port}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_without_an_interval_events_of_a_living_process_can_be_delivered_by_another(
    backend, monkeypatch, capsys
):
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        monkeypatch.setattr(worker_module, "ROTATE_INTERVAL", 0.05)
        log(None, "OF_ANOTHER")
        os.write(ready[1], b"x")
        os.read(go[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    call_command("eventlog_spool", "deliver")
    assert os.waitpid(child, os.WNOHANG) == (0, 0)
    os.write(go[1], b"x")
    os.waitpid(child, 0)
    assert actions() == ["OF_ANOTHER"]
    assert "1 event delivered, 0 left" in capsys.readouterr().out


@postgresql_only
def test_a_process_ends_although_its_database_does_not_answer(backend):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        with other_process(backend.spool.directory, port) as process:
            while "refused" not in process.stderr.readline():  # the first try is over
                pass
            silent.listen()  # and never accepts
            process.communicate("", timeout=TIMEOUT)
    assert backend.spool.reassign(f"postgresql@127.0.0.1:{port},nowhere", here()) == 1
    assert backend.flush()
    assert actions() == ["OF_ANOTHER"]


def test_events_of_a_killed_process_are_delivered(backend):
    child = os.fork()
    if not child:
        log(None, "A")
        log(None, "B")
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    assert len(files(backend.spool, "*.jsonl")) == 1
    backend.flush()
    assert actions() == ["A", "B"]


def test_the_open_file_of_a_running_process_is_not_delivered(backend):
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        log(None, "A")
        os.write(ready[1], b"x")
        os.read(go[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    backend.flush()
    assert actions() == []
    os.write(go[1], b"x")
    os.waitpid(child, 0)
    backend.flush()
    assert actions() == ["A"]


def test_a_transaction_around_flush_cannot_roll_events_back(backend):
    log(None, "X")
    with pytest.raises(RuntimeError), transaction.atomic():
        assert not backend.flush()
        raise RuntimeError
    assert backend.flush()
    assert actions() == ["X"]
