"""What waits on disk: nothing is lost, nothing is doubled."""

import ctypes
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, connections, transaction
from django.db.models.signals import post_save
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from eventlog.backends import buffered, courier, delivery, forks, get_backend, rows
from eventlog.backends.brokered import BrokeredBackend
from eventlog.backends.buffered import BufferedBackend
from eventlog.backends.own_connections import OwnConnections
from eventlog.backends.spool import MOST_FULL, Spool
from eventlog.models import Batch, Log, alog, log
from eventlog.records import Record
from eventlog.signals import event_logged

from .shop.models import Widget

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def spooling(settings, tmp_path):
    """Choose options of a backend that delivers when it is told to."""

    def choose(**options):
        settings.EVENTLOG = {
            "BACKEND": "eventlog.backends.buffered.BufferedBackend",
            "OPTIONS": {"spool": tmp_path / "spool", "interval": None} | options,
        }
        return get_backend()

    yield choose
    del settings.EVENTLOG
    get_backend()


@pytest.fixture
def backend(spooling):
    return spooling()


def actions():
    return list(Log.objects.order_by("id").values_list("action", flat=True))


def files(backend, pattern="*"):
    return names(backend.spool, pattern)


def names(spool, pattern):
    return sorted(spool.folder.glob(pattern))


def test_an_event_waits_on_disk_and_is_written_once(backend, anna):
    assert log(anna, "X", {"é": [1, None]}, obj=anna) is None
    assert actions() == []
    assert backend.flush()
    assert backend.flush()
    event = Log.objects.get()
    assert (event.user, event.user_repr, event.obj, event.extra) == (
        anna,
        "anna",
        anna,
        {"é": [1, None]},
    )
    assert files(backend) == []


def test_requests_sync_and_async(backend, client, async_client):
    client.get("/ok/")
    async_to_sync(async_client.get)("/aok/")
    async_to_sync(alog)(None, "Z")
    backend.flush()
    assert actions() == ["GET_OK", "GET_AOK", "Z"]


AWKWARD = [
    "tab\tbreak\nreturn\rbackslash\\ \\N \\. quote\" '",
    "\u2028 \x85 \x0b \x1c \x7f",
    "\U0001f600 é",
    ',"extra":{}',
]


@pytest.mark.parametrize("text", AWKWARD)
@pytest.mark.parametrize("listening", [False, True])
def test_any_text_comes_out_as_it_went_in(backend, text, listening):
    def receiver(**kwargs): ...

    if listening:
        event_logged.connect(receiver)
    log(None, text, {text: [text]}, obj=Widget.objects.create(name=text))
    assert backend.flush()
    event_logged.disconnect(receiver)
    event = Log.objects.get()
    assert (event.action, event.object_repr, event.extra) == (text, text, {text: [text]})


MOMENTS = [
    datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC),
    datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC),
    datetime(2026, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    datetime(1890, 3, 1, 12, 0, 0, 7, tzinfo=timezone(timedelta(minutes=53, seconds=28))),
]


@pytest.mark.parametrize("moments", [MOMENTS, *([moment] for moment in MOMENTS), MOMENTS[:2]])
def test_any_moment_comes_out_as_it_went_in(backend, moments):
    for moment in moments:
        log(None, "X", dateof=moment)
    assert backend.flush()
    assert list(Log.objects.order_by("id").values_list("timestamp", flat=True)) == moments


def test_alog_below_a_transaction_keeps_to_it(backend):
    service = async_to_sync(alog)
    with pytest.raises(RuntimeError), transaction.atomic():
        service(None, "ROLLED_BACK")
        service(None, "ALL_THE_SAME", durability="always")
        raise RuntimeError("on purpose")
    with transaction.atomic():
        service(None, "COMMITTED")
        backend.flush()
    backend.flush()
    assert actions() == ["ALL_THE_SAME", "COMMITTED"]


def test_what_waits_can_be_read_with_ordinary_tools(backend):
    log(None, "X", {"a": 1})
    (path,) = files(backend)
    line = json.loads(path.read_text())
    assert (line["action"], line["extra"]) == ("X", {"a": 1})


def test_what_waits_is_its_owners_alone(backend):
    log(None, "X")
    (path,) = files(backend)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_receivers_hear_of_each_event_with_its_key(backend):
    heard = []

    def receiver(sender, event, **kwargs):
        heard.append(event.pk)

    event_logged.connect(receiver)
    for _ in range(3):
        log(None, "X")
    backend.flush()
    event_logged.disconnect(receiver)
    assert heard == list(Log.objects.order_by("id").values_list("pk", flat=True))


def test_batches_are_written_in_order(spooling):
    backend = spooling(batch_size=3)
    for number in range(10):
        log(None, f"A{number}")
    backend.flush()
    assert actions() == [f"A{number}" for number in range(10)]
    assert sorted(Batch.objects.values_list("count", flat=True)) == [1, 3, 3, 3]


def test_a_batch_that_was_written_but_not_removed_is_not_written_again(backend, monkeypatch):
    log(None, "X")
    with monkeypatch.context() as patch:
        patch.setattr(buffered.Batch, "done", lambda batch: batch.release())
        backend.flush()
    assert len(files(backend, "*.batch")) == 1
    backend.flush()
    assert actions() == ["X"]
    assert files(backend) == []


def test_a_database_that_is_down_loses_nothing(backend, monkeypatch, caplog):
    def down(*args):
        raise OperationalError("the database is down")

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "_remember", down)
        log(None, "A")
        assert not backend.flush()
        log(None, "B")
        assert not backend.flush()
    assert "the database is down" in caplog.text
    assert backend.flush()
    assert actions() == ["A", "B"]


def test_of_500_events_the_poisoned_one_is_set_aside(backend, caplog):
    for number in range(500):
        log(None, f"A{number}", {"number": number})
    (path,) = files(backend)
    path.write_text(path.read_text().replace('{"number":250}', "{broken}"))
    backend.flush()
    assert actions() == [f"A{number}" for number in range(500) if number != 250]
    (rejected,) = backend.spool.aside()
    assert "{broken}" in rejected.line
    assert "Error" in rejected.reason
    assert "set aside" in caplog.text


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[]",
        '{"action":"X"}',
        '{"timestamp":"x","action":"X","extra":{}}',
        '{"timestamp":"2026-01-01T00:00:00+00:00","action":null,"extra":{}}',
        '{"timestamp":"2026-01-01T00:00:00+00:00","action":"X","extra":{}',
        '{"timestamp":"2026-01-01T00:00:00+00:00","action":"X","unknown":1,"extra":{}}',
    ],
)
def test_a_line_that_is_no_event_is_set_aside_and_can_be_mended_and_retried(backend, line, capsys):
    log(None, "A")
    log(None, "B")
    (path,) = files(backend, "*.open")
    first, second = path.read_text().splitlines()
    path.write_text(f"{line}\n{second}\n")
    backend.flush()
    assert actions() == ["B"]
    (aside,) = files(backend, "*.aside")
    assert backend.spool.aside()[0].line == line
    call_command("eventlog_spool", "aside")
    assert line in capsys.readouterr().out
    entry = json.loads(aside.read_text()) | {"line": first}
    aside.write_text(json.dumps(entry) + "\n")
    call_command("eventlog_spool", "retry")
    assert actions() == ["B", "A"]
    assert files(backend) == []


def test_batches_that_fail_for_a_reason_of_their_own_hold_up_neither_others_nor_pruning(
    spooling, monkeypatch
):
    backend = spooling(batch_size=1)
    for number in range(5):
        log(None, f"X{number}")
    own = {path.stem for path in files(backend)[:3]}
    pruned = []
    monkeypatch.setattr(buffered, "forget_old_batches", lambda: pruned.append(True))

    def failing(batch_id, *args):
        if batch_id in own:
            raise RuntimeError("a trigger of the site's")
        delivery.deliver(batch_id, *args)

    with monkeypatch.context() as patched:
        patched.setattr(buffered, "deliver", failing)
        assert not backend.flush()
        assert not pruned
        assert not backend.flush()
    assert (actions(), pruned) == (["X3", "X4"], [True])
    assert backend.flush()
    assert actions() == ["X3", "X4", "X0", "X1", "X2"]


def test_where_the_database_is_down_two_batches_are_tried_each_time(spooling, monkeypatch):
    backend = spooling(batch_size=1)
    for _ in range(5):
        log(None, "X")
    tried = []

    def down(batch_id, *args):
        tried.append(batch_id)
        raise OperationalError("the database is down")

    monkeypatch.setattr(buffered, "deliver", down)
    for _ in range(3):
        assert not backend.flush()
    assert len(tried) == 6


@pytest.mark.skipif(connection.vendor == "sqlite", reason="it finds out at the commit")
def test_a_key_that_leads_nowhere_is_that_of_a_row(backend, monkeypatch):
    log(None, "OK")
    log(None, "BAD", obj=Widget.objects.create(name="w"))
    monkeypatch.setattr("eventlog.backends.rows.content_type_id", lambda *args: 999_999)
    assert backend.flush()
    assert (actions(), backend.status().aside) == (["OK"], 1)


def test_a_key_that_no_database_holds_leaves_the_event(backend):
    class Robot:
        is_authenticated, pk = True, 2**63

    log(Robot(), "X")
    assert backend.flush()
    assert Log.objects.get().user_id is None


def test_a_batch_that_cannot_be_read_does_not_hold_up_the_others(backend):
    log(None, "A")
    (backend.spool.folder / "00000000000000000000-1-strange.batch").mkdir()
    assert not backend.flush()
    assert actions() == ["A"]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="the others have no such limit")
def test_what_is_too_long_for_an_index_of_the_sites_own_is_set_aside(backend):
    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX own ON eventlog_log ((extra ->> 'note'))")
    try:
        for note in ("short", "".join(map(chr, range(256, 9000))), "short"):
            log(None, "X", {"note": note})
        assert backend.flush()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX own")
    assert actions() == ["X", "X"]
    assert len(backend.spool.aside()) == 1


def test_an_address_may_be_any_text(backend):
    log(None, "X", {"ip": "".join(map(chr, range(256, 9000)))})
    assert backend.flush()
    assert actions() == ["X"]


def test_a_line_that_was_cut_short_is_passed_over(backend):
    log(None, "A")
    (path,) = files(backend, "*.open")
    with path.open("a") as file:
        file.write('{"timestamp":"2026')
    backend.flush()
    assert actions() == ["A"]
    assert not backend.spool.aside()


def test_a_user_deleted_meanwhile_leaves_the_event(backend, anna):
    log(anna, "X")
    log(None, "Y")
    User.objects.all().delete()
    backend.flush()
    event = Log.objects.get(action="X")
    assert (event.user_id, event.user_repr) == (None, "anna")


def test_a_transaction_that_is_rolled_back_takes_the_event_along(backend):
    with pytest.raises(RuntimeError), transaction.atomic():
        log(None, "GONE")
        raise RuntimeError
    with transaction.atomic():
        log(None, "KEPT")
    backend.flush()
    assert actions() == ["KEPT"]


def test_the_event_of_a_request_that_is_rolled_back_stays(backend, client):
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        client.get("/crash/")
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False
    backend.flush()
    assert actions() == ["GET_CRASH"]


def test_what_a_dead_process_left_is_taken_over(backend, spooling):
    child = os.fork()
    if not child:
        log(None, "A")
        log(None, "B")
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    assert len(files(backend, "*.open")) == 1
    backend.flush()
    assert actions() == ["A", "B"]


def test_what_a_living_process_writes_is_left_to_it(backend):
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


def test_a_fork_in_the_middle_of_a_batch_shares_no_file(backend):
    log(None, "PARENT")
    child = os.fork()
    if not child:
        log(None, "CHILD")
        os._exit(0)
    os.waitpid(child, 0)
    log(None, "PARENT")
    assert len(files(backend, "*.open")) == 2
    backend.flush()
    assert sorted(actions()) == ["CHILD", "PARENT", "PARENT"]


def test_whoever_completes_a_batch_leaves_its_file_to_others(tmp_path):
    spool = Spool(tmp_path, batch_size=2, fsync=False)
    completed = [spool.append(f"{number}") for number in range(5)]
    assert completed == [False, True, False, True, False]
    assert [path.read_text() for path in names(spool, "*.open")] == ["0\n1\n", "2\n3\n", "4\n"]
    spool.seal()
    assert [batch.lines() for batch in spool.claim()] == [["0", "1"], ["2", "3"], ["4"]]


def test_where_nobody_seals_files_few_are_kept_open(tmp_path):
    spool = Spool(tmp_path, batch_size=1, fsync=False)
    for number in range(100):
        spool.append(f"{number}")
    assert len(names(spool, "*.open")) <= MOST_FULL
    spool.seal()
    assert [line for batch in spool.claim() for line in batch.lines()] == [*map(str, range(100))]


def test_a_file_that_cannot_be_sealed_leaves_the_others_their_turn(tmp_path):
    spool = Spool(tmp_path, batch_size=1, fsync=False)
    for line in "abc":
        spool.append(line)
    names(spool, "*.open")[0].unlink()
    with pytest.raises(FileNotFoundError):
        spool.seal()
    spool.seal()
    assert [batch.lines() for batch in spool.claim()] == [["b"], ["c"]]


def test_a_child_that_is_forked_while_files_are_sealed_keeps_none_of_them(tmp_path, monkeypatch):
    spool = Spool(tmp_path, batch_size=1, fsync=False)
    spool.append("a")
    spool.append("b")
    rename, statuses = Path.rename, []

    def forking(path, target):
        child = os.fork()
        if not child:
            spool.forget()
            held = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
            os._exit(any(str(tmp_path) in path for path in held))
        statuses.append(os.waitpid(child, 0)[1])
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", forking)
    spool.seal()
    assert statuses == [0, 0]
    assert [batch.lines() for batch in spool.claim()] == [["a"], ["b"]]


def test_whoever_seals_waits_for_who_is_at_it(tmp_path, monkeypatch):
    spool = Spool(tmp_path, batch_size=1, fsync=False)
    spool.append("x")
    rename, entered, go, found = Path.rename, threading.Event(), threading.Event(), []
    lock, asked = spool._sealing, threading.Semaphore(0)

    class Watched:
        def __enter__(self):
            asked.release()
            lock.acquire()

        def __exit__(self, *args):
            lock.release()

    def slow(path, target):
        entered.set()
        go.wait(10)
        return rename(path, target)

    def second():
        spool.seal()
        found.extend(names(spool, "*.batch"))

    monkeypatch.setattr(Path, "rename", slow)
    spool._sealing = Watched()
    threads = [threading.Thread(target=spool.seal), threading.Thread(target=second)]
    threads[0].start()
    assert entered.wait(10)
    threads[1].start()
    both = [asked.acquire(timeout=10) for _ in threads]
    go.set()
    for thread in threads:
        thread.join()
    assert (both, len(found)) == ([True, True], 1)


def test_a_signal_handler_may_log_while_a_batch_is_completed(tmp_path):
    spool = Spool(tmp_path, batch_size=1, fsync=False)

    class Interrupted(list):
        def append(self, each):
            spool._full = list(self)
            spool.append("handler")
            spool._full.append(each)

    spool._full = Interrupted()
    spool.append("request")
    spool.seal()
    spool.append("next")
    spool.seal()
    lines = [line for batch in spool.claim() for line in batch.lines()]
    assert sorted(lines) == ["handler", "next", "request"]


def test_a_signal_handler_may_log_while_a_file_is_begun(tmp_path, monkeypatch):
    spool = Spool(tmp_path, batch_size=9, fsync=False)
    rename = Path.rename

    def interrupted(path, target):
        monkeypatch.undo()
        spool.append("handler")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    spool.append("request")
    spool.seal()
    assert sorted(batch.lines() for batch in spool.claim()) == [["handler"], ["request"]]


def test_what_a_killed_process_had_only_begun_is_cleared_away(backend, monkeypatch):
    log(None, "X")
    child = os.fork()
    if not child:
        monkeypatch.setattr(Path, "rename", lambda *args: os.kill(os.getpid(), signal.SIGKILL))
        log(None, "Y")
    os.waitpid(child, 0)
    begun = backend.spool.folder / f".0-{os.getpid()}-0.new"  # of one that lives
    begun.touch()
    assert len(files(backend, ".*.new")) == 2
    backend.flush()
    assert files(backend, ".*.new") == [begun]
    assert actions() == ["X"]


def test_a_file_that_somebody_clears_away_too_early_is_begun_again(backend, monkeypatch):
    def cleared(path, target):
        monkeypatch.undo()
        path.unlink()
        return path.rename(target)

    monkeypatch.setattr(Path, "rename", cleared)
    log(None, "X")
    backend.flush()
    assert actions() == ["X"]


def test_threads_share_a_file(backend):
    def write():
        for _ in range(50):
            log(None, "X")

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    backend.flush()
    assert len(actions()) == 400


def test_two_processes_do_not_deliver_the_same_batch(backend):
    log(None, "X")
    backend.spool.seal()
    (batch,) = backend.spool.claim()
    assert list(BufferedBackend(spool=backend.spool.folder).spool.claim()) == []
    batch.release()
    (again,) = backend.spool.claim()
    again.release()


def test_past_the_bound_the_newest_are_dropped_and_counted(spooling, caplog, monkeypatch):
    backend = spooling(max_bytes=1000)
    for _ in range(20):
        log(None, "X")
    assert backend.spool.size() <= 1000
    kept = backend.status().events
    assert "events are dropped" in caplog.text
    backend.flush()
    backend.flush()
    assert actions() == ["X"] * kept + [buffered.DROPPED]
    assert Log.objects.get(action=buffered.DROPPED).extra == {"count": 20 - kept}


def test_how_many_were_dropped_is_known_after_the_process_ended(spooling, monkeypatch):
    backend = spooling(max_bytes=1000)
    for _ in range(20):
        log(None, "X")

    def gone(*args):
        raise OperationalError("the database is down")

    with monkeypatch.context() as down:
        down.setattr(buffered, "deliver", gone)
        backend.close()
    assert spooling(max_bytes=10**6).flush()
    assert Log.objects.get(action=buffered.DROPPED).extra == {
        "count": 20 - Log.objects.filter(action="X").count()
    }


def test_past_the_bound_they_are_written_inline(spooling):
    backend = spooling(max_bytes=1000, on_full="inline")
    for _ in range(20):
        log(None, "X")
    assert len(actions()) + backend.status().events == 20
    backend.flush()
    assert actions() == ["X"] * 20


def test_what_cannot_be_written_beside_a_transaction_is_counted(spooling, monkeypatch):
    backend = spooling(max_bytes=1, on_full="inline")

    def down(*args):
        raise OperationalError("the database is down")

    monkeypatch.setattr("eventlog.backends.database.insert", down)
    with transaction.atomic():
        log(None, "X", durability="always")
    for thread in threading.enumerate():
        if thread.name == "eventlog-always":
            thread.join()
    assert backend._dropped == 1


def test_past_the_bound_they_wait_for_room(spooling):
    backend = spooling(max_bytes=1000, on_full="block", block_timeout=30.0)

    def deliver():
        while not done.wait(0.01):
            backend.flush()
        connections.close_all()

    done = threading.Event()
    thread = threading.Thread(target=deliver)
    thread.start()
    for _ in range(20):
        log(None, "X")
    done.set()
    thread.join()
    backend.flush()
    assert actions() == ["X"] * 20


def test_waiting_for_room_has_an_end(spooling):
    backend = spooling(max_bytes=1, on_full="block", block_timeout=0.01)
    log(None, "X")
    assert backend.status().events == 0


def test_the_folder_comes_back_if_somebody_removes_it(backend):
    log(None, "A")
    backend.flush()
    backend.spool.folder.rmdir()
    log(None, "B")
    backend.flush()
    assert actions() == ["A", "B"]


def test_with_fsync(spooling, client, async_client):
    backend = spooling(fsync=True)
    client.get("/ok/")
    async_to_sync(async_client.get)("/aok/")
    backend.flush()
    assert actions() == ["GET_OK", "GET_AOK"]


class Written(threading.Event):
    """Set when an event is written, by whichever thread."""

    def __call__(self, **kwargs):
        self.set()


@pytest.fixture
def written():
    heard = Written()
    event_logged.connect(heard)
    yield heard
    event_logged.disconnect(heard)


needs_threads = pytest.mark.skipif(
    connection.vendor == "sqlite" and "memory" in str(connection.settings_dict["NAME"]),
    reason="a database in memory is locked to one thread",
)


def test_what_is_rejected_is_kept_even_if_setting_it_aside_fails_at_first(backend, monkeypatch):
    log(None, "A")
    log(None, "B")
    (path,) = files(backend)
    path.write_text(path.read_text().replace('"A"', "null"))

    def full(*args):
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(backend.spool, "set_aside", full)
        assert not backend.flush()
    assert actions() == []
    assert backend.flush()
    assert actions() == ["B"]
    assert len(backend.spool.aside()) == 1


def test_a_transaction_around_flush_cannot_take_the_events_along(backend):
    log(None, "X")
    with pytest.raises(RuntimeError), transaction.atomic():
        assert not backend.flush()
        raise RuntimeError
    assert backend.flush()
    assert actions() == ["X"]


def test_a_child_forked_during_delivery_does_not_keep_the_batch(backend):
    log(None, "X")
    backend.spool.seal()
    (batch,) = backend.spool.claim()
    go = os.pipe()
    child = os.fork()
    if not child:
        os.read(go[0], 1)
        os._exit(0)
    batch.release()
    backend.flush()
    os.write(go[1], b"x")
    os.waitpid(child, 0)
    assert actions() == ["X"]


def test_no_process_forks_in_the_middle_of_a_delivery(backend, monkeypatch):
    """Its child would inherit the connection to the database."""
    log(None, "X")
    began, ended = threading.Event(), []

    def slowly(batch):
        began.set()
        threading.Event().wait(0.2)
        ended.append(batch.done())

    monkeypatch.setattr(backend, "hand_over", slowly)
    monkeypatch.setattr(buffered, "forget_old_batches", lambda: None)
    thread = threading.Thread(target=backend.flush)
    thread.start()
    began.wait()
    child = os.fork()
    if not child:
        os._exit(0 if ended else 1)
    assert os.waitpid(child, 0)[1] == 0
    thread.join()


def test_a_fork_waits_for_a_batch_and_not_for_all_that_wait(backend, monkeypatch):
    for _ in range(3):
        log(None, "X")
        backend.spool.seal()
    began, may_end, done = threading.Event(), threading.Event(), []

    def slowly(batch):
        began.set()
        may_end.wait()
        done.append(batch.done())

    monkeypatch.setattr(backend, "hand_over", slowly)
    thread = threading.Thread(target=backend.flush)
    thread.start()
    began.wait()
    fork = threading.Thread(target=lambda: held.append(backend.courier.make_way(30)))
    held = []
    fork.start()
    while not backend.courier._in_the_way:
        pass
    may_end.set()
    thread.join()
    fork.join()
    assert (held, len(done)) == ([True], 1)


def test_threads_that_fork_at_once_let_go_of_what_they_hold_themselves(backend):
    log(None, "X")  # from now on it is told of forks
    may_deliver = []
    forks._before()
    for step in (forks._after_in_parent, lambda: may_deliver.append(backend.courier.make_way(0))):
        other = threading.Thread(target=step)
        other.start()
        other.join()
    assert may_deliver == [False]
    forks._after_in_parent()
    assert backend.flush()


def test_a_signal_handler_that_raises_before_a_fork_leaves_deliveries_free(backend, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(backend.courier._connections, "close", interrupted)
    with pytest.raises(KeyboardInterrupt):
        backend.courier.make_way(1)
    free = []
    other = threading.Thread(target=lambda: free.append(backend.courier._acquire(0)))
    other.start()
    other.join()
    assert free == [True]


def test_a_child_may_have_closed_what_it_inherited(backend):
    log(None, "PARENT")
    os.close(backend.spool._file)
    backend.spool.forget()
    log(None, "CHILD")
    assert backend.flush()
    assert actions() == ["PARENT", "CHILD"]


def test_a_file_that_cannot_be_read_does_not_hold_up_the_rest(backend, monkeypatch, caplog):
    log(None, "X")
    (backend.spool.folder / "0-other-user.batch").symlink_to("/proc/1/mem/not-there")
    assert backend.flush()
    assert actions() == ["X"]
    assert "0-other-user" in caplog.text


def test_putting_back_twice_what_was_set_aside_writes_it_once(backend):
    log(None, "A")
    log(None, "B")
    (path,) = files(backend)
    good = path.read_text()
    path.write_text(good.replace('"A"', "null"))
    backend.flush()
    (aside,) = files(backend, "*.aside")
    mended = json.dumps({"line": good.splitlines()[0], "reason": "mended"}) + "\n"
    for _ in range(2):
        aside.write_text(mended)
        backend.spool.retry()
        backend.flush()
    assert sorted(actions()) == ["A", "B"]


def test_a_receiver_that_logs_while_the_backend_is_replaced(spooling, settings):
    spooling()
    log(None, "FIRST")

    def receiver(event, **kwargs):
        if event.action == "FIRST":
            log(None, "SECOND")

    event_logged.connect(receiver)
    del settings.EVENTLOG
    get_backend()
    event_logged.disconnect(receiver)
    assert sorted(actions()) == ["FIRST", "SECOND"]


def test_what_cannot_be_written_inline_either_is_counted(spooling, monkeypatch, caplog):
    backend = spooling(max_bytes=1, on_full="inline")

    def down(*args):
        raise OperationalError("the database is down")

    monkeypatch.setattr("eventlog.backends.database.insert", down)
    log(None, "X")
    assert backend._dropped == 1


def test_a_backend_that_was_full_notices_that_another_process_delivered(spooling, monkeypatch):
    backend = spooling(max_bytes=300)
    now = [0.0]
    monkeypatch.setattr(buffered.time, "monotonic", lambda: now[0])
    for _ in range(5):
        log(None, "X")
    before = backend._dropped
    assert before
    backend.spool.seal()
    BufferedBackend(spool=backend.spool.folder, interval=None).flush()
    now[0] += 2
    log(None, "Y")
    assert backend._dropped == before


def test_a_receiver_of_djangos_own_signal_that_fails_stops_nobody(backend):
    def fails(**kwargs):
        raise RuntimeError("on purpose")

    post_save.connect(fails, sender=Log)
    log(None, "X")
    assert backend.flush()
    post_save.disconnect(fails, sender=Log)
    assert actions() == ["X"]


class Clock:
    """Time as a thread sees it that always gets the interpreter back so late."""

    def __init__(self, late=0.0):
        self.late = late
        self.now = 0.0
        self.rests = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.rests.append(seconds)
        self.now += seconds + self.late


def beside_requests(monkeypatch, backend, clock, **state):
    """As if this were the thread, which it is not: its connection is that of the tests."""
    monkeypatch.setattr(courier, "time", clock)
    monkeypatch.setattr(OwnConnections, "prepare", lambda self: None)
    for name, value in {"thread": threading.current_thread(), **state}.items():
        monkeypatch.setattr(backend.courier, name, value)


@pytest.fixture
def batch(backend):
    for _ in range(3000):
        log(None, "X", {"text": "x" * 300})
    backend.spool.seal()
    (batch,) = backend.spool.claim()
    yield batch
    batch.release()


@pytest.mark.parametrize(
    ("waiting", "late", "size"),
    [
        (10**9, 0.0, courier.SMALL),
        (10**7, 0.005, courier.SMALL + 10**4 * courier.TURNS),
        (10**9, 0.015, courier.READ),
    ],
)
def test_beside_requests_pieces_are_small_unless_that_would_not_keep_up_beside_busy_threads(
    backend, batch, monkeypatch, waiting, late, size
):
    beside_requests(monkeypatch, backend, Clock(late), _interval=5.0, _waiting=waiting)
    pieces = backend.courier.pieces(batch, locking=False)
    sizes = [sum(len(line) + 1 for line in piece) for piece in pieces]
    assert sum(sizes) == backend.spool.size()
    assert max(sizes) == pytest.approx(size, abs=500)


def test_objects_of_any_kind_may_come_in_any_piece(backend, anna, monkeypatch):
    """The server of PostgreSQL answers no question while it takes rows."""
    for obj in (anna, Widget.objects.create(name="w"), anna):
        for _ in range(50):
            log(None, "X", {"text": "x" * 300}, obj)
    ContentType.objects.clear_cache()
    beside_requests(monkeypatch, backend, Clock())
    assert backend.flush()
    kinds = Log.objects.order_by("id").values_list("content_type__model", flat=True)
    assert [*kinds] == ["user"] * 50 + ["widget"] * 50 + ["user"] * 50


def test_a_line_that_is_no_event_may_come_in_any_piece(backend, monkeypatch):
    for _ in range(50):
        log(None, "X", {"text": "x" * 300})
    backend.spool.append("no event")
    beside_requests(monkeypatch, backend, Clock())
    assert backend.flush()
    assert (Log.objects.count(), backend.status().aside) == (50, 1)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="others have no COPY")
def test_a_copy_takes_several_pieces_but_no_longer_than_a_server_may_allow(backend, monkeypatch):
    for _ in range(3000):
        log(None, "X", {"text": "x" * 300})
    beside_requests(monkeypatch, backend, clock := Clock(), _interval=2.0)
    monkeypatch.setattr(rows, "time", clock)
    with CaptureQueriesContext(connection) as queries:
        assert backend.flush()
    copies = sum(query["sql"].startswith("COPY") for query in queries)
    assert len(clock.rests) > 100
    assert copies == pytest.approx(sum(clock.rests) / rows.LONGEST_COPY, abs=1)


@pytest.mark.parametrize(
    ("events", "interval", "shortest", "longest"),
    [
        (3000, 2.0, 0.95, 1.05),  # seconds, of all rests together
        (3000, 3600.0, 0.95 * courier.SPREAD, 1.05 * courier.SPREAD),
        (100, 5.0, courier.LONGEST_REST, 10 * courier.LONGEST_REST),
        (3000, 1e-9, 50 * courier.SHORTEST_REST, 250 * courier.SHORTEST_REST),
    ],
)
def test_beside_requests_a_round_spreads_over_half_its_interval_within_bounds(
    backend, monkeypatch, events, interval, shortest, longest
):
    for _ in range(events):
        log(None, "X", {"text": "x" * 300})
    beside_requests(monkeypatch, backend, clock := Clock(), _interval=interval)
    assert backend.flush()
    assert Log.objects.count() == events
    assert max(clock.rests) - min(clock.rests) == 0
    if connection.vendor == "mysql":  # where the rows of the users are locked meanwhile
        assert clock.rests[0] == courier.SHORTEST_REST
    else:
        assert shortest <= sum(clock.rests) <= longest


def test_a_spool_with_little_room_left_is_delivered_without_long_rests(spooling, monkeypatch):
    backend = spooling(max_bytes=100_000)
    for _ in range(100):
        log(None, "X", {"text": "x" * 300})
    beside_requests(monkeypatch, backend, clock := Clock(), _interval=5.0)
    assert backend.flush()
    assert {*clock.rests} == {courier.SHORTEST_REST}


def test_whoever_waits_for_the_end_of_a_round_waits_for_no_rest(backend, batch, monkeypatch):
    beside_requests(monkeypatch, backend, clock := Clock())
    pieces = backend.courier.pieces(batch, locking=False)
    next(pieces)
    assert len(clock.rests) == 1

    def wait_for_it():
        assert backend.courier.make_way(30)
        backend.courier.let_go()

    with backend.courier._delivering:
        other = threading.Thread(target=wait_for_it)
        other.start()
        while not backend.courier._awaited:
            pass
        assert len([*pieces]) == 2  # of a megabyte at most
    other.join()
    assert len(clock.rests) == 1


def test_rows_are_written_together_under_debug_too(backend, settings, monkeypatch):
    settings.DEBUG = True
    monkeypatch.setattr(delivery, "_one_by_one", None)
    for _ in range(300):
        log(None, "X")
    with CaptureQueriesContext(connection):
        assert backend.flush()
    assert Log.objects.count() == 300


@pytest.fixture
def old_column():
    """``user_repr`` as a table has it that was made before utf8mb4."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW CREATE TABLE eventlog_log")
        (column,) = re.findall(r"^ *(`user_repr` .*),$", cursor.fetchone()[1], re.MULTILINE)
        modify = "ALTER TABLE eventlog_log MODIFY"
        cursor.execute(f"{modify} user_repr varchar(255) CHARACTER SET latin1 NOT NULL")
        yield
        cursor.execute("DELETE FROM eventlog_log")
        cursor.execute(f"{modify} {column}")


@pytest.mark.skipif(connection.vendor != "mysql", reason="the others have one character set")
def test_a_character_that_an_old_column_has_not_costs_nobody_else(backend, old_column):
    for name in ("anna", "\N{SNOWMAN}", "bert"):
        log(User(pk=1, username=name), "X")
    assert backend.flush()
    assert list(Log.objects.order_by("id").values_list("user_repr", flat=True)) == ["anna", "bert"]
    assert backend.status().aside == 1


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the others have many writers at a time")
def test_no_writer_is_locked_out_while_a_batch_is_read():
    locked = []

    def pieces(*, locking):
        for number in range(3):
            locked.append(connection.in_atomic_block)
            yield [Record.build(None, f"X{number}").to_json()] * 200

    delivery.deliver("1-1-1", pieces, None)
    assert locked == [False] * 3
    assert actions() == [f"X{number}" for number in range(3) for _ in range(200)]


@needs_threads
def test_a_fork_that_python_is_not_told_of_begins_afresh(spooling, written):
    """As uWSGI does it, after the site was loaded and the thread was started."""
    backend = spooling(interval=3600.0)
    log(None, "PARENT")
    backend.courier.hurry()
    assert written.wait(30)
    assert backend.courier.make_way(30)
    connections.close_all()
    child = ctypes.PyDLL(None).fork()
    if not child:
        written.clear()
        log(None, "CHILD")
        backend.courier.hurry()
        os._exit(0 if written.wait(30) else 1)
    backend.courier.let_go()
    assert os.waitpid(child, 0)[1] == 0
    assert actions() == ["PARENT", "CHILD"]


def test_the_hours_of_old_events_are_marked_once_for_a_batch_at_its_end():
    """Whoever else writes an event of that hour waits for the end."""
    old = Record.build(None, "X", {}, None, datetime(2020, 1, 1, tzinfo=UTC)).to_json()
    with CaptureQueriesContext(connection) as queries:
        delivery.deliver("1-1-1", lambda *, locking: [[old]] * 3, None)
    marked = ["eventlog_rolledhour" in query["sql"] for query in queries]
    counted = ["UPDATE" in query["sql"] and "batch" in query["sql"] for query in queries]
    assert marked.count(True) == 1
    assert counted.index(True) == marked.index(True) + 1


@needs_threads
@pytest.mark.skipif(connection.vendor != "postgresql", reason="Django has no pool for the others")
def test_the_thread_takes_nothing_from_the_pool_of_the_site(spooling, written, monkeypatch):
    """The connections in it would be shared by the workers that a preloaded site forks."""
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "pool", True)
    spooling(interval=0.01)
    log(None, "X")
    assert written.wait(30)
    assert connection._connection_pools == {}


@pytest.fixture
def keeping(spooling, written, monkeypatch):
    """Deliver in the thread, and tell which connections it has kept."""
    if connection.vendor == "sqlite":
        pytest.skip("there they are closed after each delivery")
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", None)
    monkeypatch.delattr(mail, "outbox")  # by which a test run is known
    courier = spooling(interval=3600.0).courier

    def deliver():
        written.clear()
        log(None, "X")
        courier.hurry()
        assert written.wait(30)
        with courier._delivering:
            return kept()

    def kept():
        return [own.connection for own in courier._connections._all if own.connection]

    return deliver, kept


def test_the_thread_keeps_its_connection_but_for_a_fork(keeping):
    deliver, kept = keeping
    (first,) = deliver()
    assert deliver() == [first]
    if not (child := os.fork()):
        os._exit(0)
    os.waitpid(child, 0)
    assert kept() == []
    assert deliver() != [first]


def test_the_thread_keeps_no_connection_where_requests_keep_none(keeping, monkeypatch):
    deliver, _ = keeping
    assert len(deliver()) == 1
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    assert deliver() == []


def test_the_thread_keeps_no_connection_to_a_database_that_tests_will_drop(keeping, monkeypatch):
    monkeypatch.setattr(mail, "outbox", [], raising=False)
    assert keeping[0]() == []


def test_a_database_whose_driver_is_missing_keeps_nobody_from_delivering(keeping, monkeypatch):
    broken = connection.settings_dict | {"ENGINE": "tests.no_such_engine"}
    monkeypatch.setitem(connections.settings, "broken", broken)
    assert len(keeping[0]()) == 1


def test_a_connection_that_the_server_closed_costs_no_delivery(keeping, caplog):
    deliver, _ = keeping
    (first,) = deliver()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [first.info.backend_pid])
        else:
            cursor.execute("KILL %s", [first.thread_id()])
    assert deliver() != [first]
    assert caplog.text == ""


@needs_threads
def test_a_thread_delivers_by_itself_and_stops_with_the_backend(spooling, written):
    spooling(interval=0.01)
    log(None, "X")
    assert written.wait(30)
    with override_settings(EVENTLOG={}):
        get_backend()
        assert "eventlog" not in {thread.name for thread in threading.enumerate()}
    assert actions() == ["X"]


@needs_threads
def test_the_middleware_starts_it_for_what_an_earlier_process_left(spooling, written, client):
    spooling()
    log(None, "LEFT")
    spooling(interval=0.01)
    from eventlog.middleware import EventLogMiddleware

    EventLogMiddleware(lambda request: None)
    assert written.wait(30)
    assert actions() == ["LEFT"]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="it locks a table")
def test_requests_do_not_wait_for_a_table_that_is_locked(backend, client):
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
    for _ in range(50):
        assert client.get("/ok/").status_code == 200
    release.set()
    thread.join()
    backend.flush()
    assert len(actions()) == 50


def test_old_ids_are_pruned(backend):
    log(None, "X")
    backend.flush()
    Batch.objects.update(written="2020-01-01T00:00:00Z")
    backend._next_pruning = 0
    backend.flush()
    assert not Batch.objects.exists()


class TestCommand:
    def status(self, capsys):
        call_command("eventlog_spool", "status", "--json")
        return json.loads(capsys.readouterr().out)

    def test_status(self, backend, capsys):
        log(None, "X")
        facts = self.status(capsys)
        assert (facts["pending"], facts["delivered_in_30_days"], facts["dropped"]) == (1, 0, 0)
        assert facts["oldest_seconds"] >= 0
        call_command("eventlog_spool", "deliver")
        assert "1 events delivered, 0 left" in capsys.readouterr().out
        facts = self.status(capsys)
        assert (facts["pending"], facts["delivered_in_30_days"]) == (0, 1)
        call_command("eventlog_spool", "status")
        assert "pending" in capsys.readouterr().out

    def test_it_is_a_health_check(self, backend):
        call_command("eventlog_spool", "status", "--max-age", "0")
        log(None, "X")
        with pytest.raises(CommandError, match="has waited"):
            call_command("eventlog_spool", "status", "--max-age", "0")

    def test_without_a_spool_it_says_so(self):
        with pytest.raises(CommandError, match="BufferedBackend"):
            call_command("eventlog_spool", "status")


class TestChecks:
    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"batch_size": 0}, "batch_size"),
            ({"interval": 0}, "interval"),
            ({"on_full": "explode"}, "drop, inline, block"),
            ({"flush_interval": 1}, "flush_interval"),
            ({"max_bytes": "1GB"}, "max_bytes"),
            ({"exit_timeout": None}, "exit_timeout"),
            ({"interval": float("inf")}, "interval"),
        ],
    )
    def test_wrong_options(self, settings, options, named):
        from eventlog.checks import check_settings

        settings.EVENTLOG = {
            "BACKEND": "eventlog.backends.buffered.BufferedBackend",
            "OPTIONS": options,
        }
        (message,) = check_settings()
        assert message.id == "eventlog.E005"
        assert named in message.msg

    def test_wrong_options_of_what_hands_over_to_a_queue(self, settings, tmp_path):
        from eventlog.checks import check_settings

        for options, named in [({"resend_after": "600"}, "resend_after"), ({"alias": "x"}, "'x'")]:
            settings.EVENTLOG = {
                "BACKEND": "eventlog.backends.tasks.TasksBackend",
                "OPTIONS": options | {"spool": tmp_path},
            }
            (message,) = check_settings()
            assert message.id == "eventlog.E005"
            assert named in message.msg

    @pytest.mark.skipif(os.geteuid() != 0, reason="it has to become somebody else")
    def test_a_folder_within_one_that_is_closed_to_whoever_checks(self, tmp_path):
        backend = BufferedBackend(spool=tmp_path / "closed" / "spool")
        backend.spool.folder.mkdir(parents=True)
        backend.spool.folder.parent.chmod(0o700)
        if not (child := os.fork()):
            found = []
            try:
                os.setuid(65534)
                found = [message.id for message in backend.check()]
            finally:
                os._exit(found != ["eventlog.E010"])
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    def test_a_folder_that_cannot_be_written(self, tmp_path):
        (tmp_path / "file").touch()
        (message,) = BufferedBackend(spool=tmp_path / "file" / "spool").check()
        assert message.id == "eventlog.E010"

    def test_a_folder_that_others_can_read(self, tmp_path):
        tmp_path.chmod(0o755)
        (message,) = BufferedBackend(spool=tmp_path).check()
        assert message.id == "eventlog.W011"

    def test_no_folder(self, settings, tmp_path):
        (message,) = BufferedBackend().check()
        assert message.id == "eventlog.W010"
        settings.BASE_DIR = tmp_path
        backend = BufferedBackend()
        assert backend.check() == []
        assert backend.spool.folder == tmp_path / "eventlog_spool"


class TestDurability:
    def test_by_default_it_is_part_of_the_transaction(self, settings):
        with transaction.atomic():
            log(None, "X")
            assert actions() == ["X"]

    OPTIONS = {"database": None, "buffered": {}, "full": {"max_bytes": 1, "on_full": "inline"}}

    @pytest.fixture(params=OPTIONS)
    def kind(self, request, spooling):
        options = self.OPTIONS[request.param]
        if options is not None:
            spooling(**options)
        return request.param

    @pytest.fixture(params=["transaction", "commit", "always"])
    def durability(self, request, kind):
        at_once = kind != "buffered" and request.param == "always"
        if at_once and connection.vendor == "sqlite":
            pytest.skip("a database in memory is locked to one thread; see the test over a file")
        return request.param

    def test_when_it_is_rolled_back(self, durability):
        with pytest.raises(RuntimeError), transaction.atomic():
            Widget.objects.create(name="w")
            log(None, "X", durability=durability)
            raise RuntimeError
        get_backend().flush()
        assert actions() == (["X"] if durability == "always" else [])

    def test_when_it_is_committed(self, durability):
        with transaction.atomic():
            Widget.objects.create(name="w")
            log(None, "X", durability=durability)
        get_backend().flush()
        assert actions() == ["X"]

    def test_one_that_does_not_exist_is_refused(self):
        with pytest.raises(ValueError, match="transaction, commit, always"):
            log(None, "X", durability="sometimes")
        with pytest.raises(ValueError, match="transaction, commit, always"):
            async_to_sync(alog)(None, "X", durability="sometimes")


ANOTHER = """
import sys
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "eventlog"],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "nowhere",
                           "HOST": "127.0.0.1", "PORT": sys.argv[3]}},
    USE_TZ=True,
)
django.setup()
from eventlog.backends import buffered, courier
from eventlog.records import Record
courier.SEAL_EVERY = 0.05
interval = float(sys.argv[2]) or None
backend = buffered.BufferedBackend(spool=sys.argv[1], interval=interval, exit_timeout=0.2)
backend.write([Record.build(None, "OF_ANOTHER")])
backend.courier.hurry()
print("written", flush=True)
sys.stdin.read()
"""


def another(folder, interval=0.0, port=1):
    """A living process that has written an event, and ends with its standard input."""
    return subprocess.Popen(
        [sys.executable, "-c", ANOTHER, str(folder), str(interval), str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_what_a_living_process_wrote_can_be_delivered_by_another(backend, capsys):
    with another(backend.spool.folder) as process:
        assert process.stdout.readline() == "written\n"
        call_command("eventlog_spool", "deliver")
        assert process.poll() is None
        process.communicate("", timeout=30)
    assert actions() == ["OF_ANOTHER"]
    assert "1 events delivered, 0 left" in capsys.readouterr().out


@pytest.mark.skipif(connection.vendor != "postgresql", reason="it needs a server's driver")
def test_a_process_ends_though_the_database_does_not_answer(backend):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        with another(backend.spool.folder, 60.0, silent.getsockname()[1]) as process:
            while "refused" not in process.stderr.readline():  # the first try is over
                pass
            silent.listen()  # and never accepts
            process.communicate("", timeout=30)
    assert backend.flush()
    assert actions() == ["OF_ANOTHER"]


class Unattended(BrokeredBackend):
    """A broker without a worker."""

    def publish(self, batch_id, lines): ...


def test_what_a_broker_has_is_delivered_but_not_settled(settings, tmp_path):
    options = {"spool": tmp_path, "interval": None}
    settings.EVENTLOG = {"BACKEND": f"{__name__}.Unattended", "OPTIONS": options}
    log(None, "X")
    call_command("eventlog_spool", "deliver")
    assert len(list(tmp_path.glob("*.sent"))) == 1
    assert not get_backend().settle(0.01)
