"""Events wait on disk, and each is written once."""

import json
import threading
from contextlib import suppress

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import connection, connections, transaction

from eventlog.backends import get_backend
from eventlog.models import DeliveredBatch, Log, alog, log
from eventlog.signals import event_logged

from .support import actions, files, postgresql_only

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_event_waits_on_disk_and_is_written_once(backend, anna):
    assert log(anna, "X", {"é": [1, None]}, obj=anna) is None
    assert actions() == []
    assert backend.flush()
    assert backend.flush()
    event = Log.objects.get()
    assert (event.user, event.user_repr, event.obj) == (anna, "anna", anna)
    assert event.extra == {"é": [1, None]}
    assert files(backend.spool) == []


def test_sync_and_async_requests_are_recorded(backend, client, async_client):
    client.get("/ok/")
    async_to_sync(async_client.get)("/aok/")
    async_to_sync(alog)(None, "Z")
    backend.flush()
    assert actions() == ["GET_OK", "GET_AOK", "Z"]


def test_with_fsync_sync_and_async_requests_are_recorded(spooling, client, async_client):
    backend = spooling(fsync=True)
    client.get("/ok/")
    async_to_sync(async_client.get)("/aok/")
    backend.flush()
    assert actions() == ["GET_OK", "GET_AOK"]


def test_waiting_events_can_be_read_with_ordinary_tools(backend):
    log(None, "X", {"a": 1})
    (path,) = files(backend.spool)
    line = json.loads(path.read_text())
    assert (line["event"][0], line["extra"]) == ("X", {"a": 1})


def test_batches_are_written_in_order(spooling):
    backend = spooling(batch_size=3)
    for number in range(10):
        log(None, f"A{number}")
    backend.flush()
    assert actions() == [f"A{number}" for number in range(10)]
    assert sorted(DeliveredBatch.objects.values_list("count", flat=True)) == [1, 3, 3, 3]


def test_batch_bytes_limits_a_batch(spooling):
    backend = spooling(batch_bytes=1100)
    log(None, "LONG", {"text": "x" * 5000})
    for _ in range(9):
        log(None, "SHORT", {"text": "x" * 300})
    backend.flush()
    assert len(actions()) == 10
    counts = list(DeliveredBatch.objects.values_list("count", flat=True))
    assert min(counts) == 1
    assert 1 < max(counts) <= 3


def test_threads_share_a_file(backend):
    def write():
        for _ in range(50):
            log(None, "X")

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(files(backend.spool)) == 1
    backend.flush()
    assert len(actions()) == 400


def test_a_deleted_user_leaves_name_and_event(backend, anna):
    log(anna, "X")
    log(None, "Y")
    User.objects.all().delete()
    backend.flush()
    event = Log.objects.get(action="X")
    assert (event.user_id, event.user_repr) == (None, "anna")


def test_a_transaction_that_is_rolled_back_rolls_its_events_back(backend):
    with pytest.raises(RuntimeError), transaction.atomic():
        log(None, "GONE")
        raise RuntimeError
    with transaction.atomic():
        log(None, "KEPT")
    backend.flush()
    assert actions() == ["KEPT"]


def test_alog_below_a_transaction_is_part_of_it(backend):
    service = async_to_sync(alog)
    with pytest.raises(RuntimeError), transaction.atomic():
        service(None, "ROLLED_BACK")
        service(None, "ALWAYS", durability="always")
        raise RuntimeError("on purpose")
    with transaction.atomic():
        service(None, "COMMITTED")
        backend.flush()
    backend.flush()
    assert actions() == ["ALWAYS", "COMMITTED"]


def test_the_event_of_a_request_that_is_rolled_back_stays(backend, client, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    client.get("/crash/")
    backend.flush()
    assert actions() == ["GET_CRASH"]


def test_closing_delivers_waiting_events(backend):
    log(None, "X")
    backend.close()
    assert actions() == ["X"]


def test_a_receiver_may_log_while_the_backend_is_replaced(spooling, settings):
    spooling()
    log(None, "FIRST")

    def receiver(event, **kwargs):
        if event.action == "FIRST":
            log(None, "SECOND")

    event_logged.connect(receiver)
    settings.EVENTLOG = {}
    get_backend()
    event_logged.disconnect(receiver)
    assert sorted(actions()) == ["FIRST", "SECOND"]


@postgresql_only
def test_requests_do_not_wait_for_a_locked_table(backend, client):
    locked, release = threading.Event(), threading.Event()

    def lock():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE eventlog_log IN ACCESS EXCLUSIVE MODE")
            locked.set()
            release.wait()
        connections.close_all()

    thread = threading.Thread(target=lock)
    thread.start()
    locked.wait()
    statuses = {client.get("/ok/").status_code for _ in range(50)}
    release.set()
    thread.join()
    backend.flush()
    assert (statuses, len(actions())) == ({200}, 50)


@pytest.mark.parametrize("durability", ["transaction", "commit"])
def test_a_hook_of_the_site_that_raises_does_not_prevent_an_event(backend, durability):
    def send_task():
        raise ConnectionError("no broker on purpose")

    with pytest.raises(ConnectionError), transaction.atomic():
        log(None, "FIRST", durability=durability)
        transaction.on_commit(send_task)
        log(None, "SECOND", durability=durability)
        with suppress(ValueError), transaction.atomic():
            log(None, "ROLLED_BACK", durability=durability)
            raise ValueError
        log(None, "THIRD", durability=durability)
    backend.flush()
    assert actions() == ["FIRST", "SECOND", "THIRD"]
