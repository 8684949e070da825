"""A full or removed spool: lost events are reported and counted, later events are kept."""

import errno
import shutil
import subprocess
import threading

import pytest
from django.db import OperationalError, connections, transaction

from eventlog.backends.buffered import BufferedBackend
from eventlog.backends.losses import DROPPED
from eventlog.backends.spool import Spool
from eventlog.backends.spool import spool as spool_module
from eventlog.models import Log, log

from .support import Clock, actions, files, needs_server

pytestmark = pytest.mark.django_db(transaction=True)


def down(*args, **kwargs):
    raise OperationalError("the database is down")


def full(*args):
    raise OSError(errno.ENOSPC, "on purpose")


def dropped():
    return list(Log.objects.filter(action=DROPPED).values_list("extra", flat=True))


class TestFull:
    def test_the_newest_events_are_dropped_and_counted(self, spooling, caplog):
        backend = spooling(max_bytes=1000)
        for _ in range(20):
            log(None, "X")
        assert backend.spool.size() <= 1000
        kept = backend.status().events
        assert "max_bytes reached; events are dropped" in caplog.text
        backend.flush()
        assert actions() == ["X"] * kept + [DROPPED]
        assert dropped() == [{"count": 20 - kept, "reason": "max_bytes reached"}]

    def test_the_number_of_dropped_events_is_recorded_when_the_process_ends(self, spooling):
        backend = spooling(max_bytes=1000)
        for _ in range(20):
            log(None, "X")
        backend.close()
        spooling(max_bytes=10**6).flush()
        kept = Log.objects.filter(action="X").count()
        assert dropped() == [{"count": 20 - kept, "reason": "max_bytes reached"}]

    def test_the_number_of_dropped_events_is_kept_until_it_can_be_recorded(
        self, spooling, monkeypatch
    ):
        backend = spooling(max_bytes=1000)
        for _ in range(20):
            log(None, "X")
        with monkeypatch.context() as patch:
            patch.setattr("eventlog.backends.sql.delivered.deliver", down)
            for _ in range(3):
                assert not backend.flush()
        assert backend.flush()
        kept = Log.objects.filter(action="X").count()
        assert dropped() == [{"count": 20 - kept, "reason": "max_bytes reached"}]

    def test_events_are_written_inline(self, spooling):
        backend = spooling(max_bytes=1000, on_full="inline")
        for _ in range(20):
            log(None, "X")
        assert len(actions()) + backend.status().events == 20
        backend.flush()
        assert actions() == ["X"] * 20

    @pytest.mark.parametrize("in_transaction", [False, True])
    def test_events_that_cannot_be_written_inline_are_counted(
        self, spooling, monkeypatch, in_transaction
    ):
        backend = spooling(max_bytes=1000, on_full="inline")
        log(None, "X", {"text": "x" * 500})
        with monkeypatch.context() as patch:
            for name in ("database.insert", "database.insert_without_waiting"):
                patch.setattr(f"eventlog.backends.{name}", down)
            if in_transaction:
                with transaction.atomic():
                    log(None, "LOST", {"text": "x" * 999}, durability="always")
                for thread in threading.enumerate():
                    if thread.name == "eventlog-always":
                        thread.join()
            else:
                log(None, "LOST", {"text": "x" * 999})
        backend.flush()
        assert dropped() == [{"count": 1, "reason": "database not writable either"}]

    @needs_server
    def test_events_wait_for_room(self, spooling):
        backend = spooling(max_bytes=1000, on_full="block", block_timeout=30.0)
        done = threading.Event()

        def deliver():
            while not done.wait(0.01):
                backend.flush()
            connections.close_all()

        thread = threading.Thread(target=deliver)
        thread.start()
        for _ in range(20):
            log(None, "X")
        done.set()
        thread.join()
        backend.flush()
        assert actions() == ["X"] * 20

    def test_waiting_for_room_ends_after_block_timeout(self, spooling):
        backend = spooling(max_bytes=1, on_full="block", block_timeout=0.01)
        log(None, "X")
        assert backend.status().events == 0

    def test_events_fit_again_after_another_process_has_delivered(self, spooling, monkeypatch):
        backend = spooling(max_bytes=400)
        clock = Clock()
        monkeypatch.setattr(spool_module.time, "monotonic", clock.monotonic)
        for _ in range(5):
            log(None, "X")
        kept = backend.status().events
        backend.spool.rotate()
        BufferedBackend(spool=backend.spool.directory, interval=None).flush()
        clock.now += 2
        log(None, "Y")
        assert backend.status().events >= 1
        backend.flush()
        assert (kept < 5, actions().count("Y")) == (True, 1)

    def test_a_full_disk_is_not_a_reached_limit(self, backend, monkeypatch, caplog):
        log(None, "BEFORE")
        with monkeypatch.context() as patch:
            patch.setattr("eventlog.backends.spool.files.write", lambda *args: -1)
            patch.setattr("eventlog.backends.spool.files.write_rest", full)
            log(None, "LOST")
        log(None, "AFTER")
        backend.flush()
        assert actions() == ["BEFORE", "AFTER", DROPPED]
        assert dropped() == [{"count": 1, "reason": "disk full"}]
        assert "disk full" in caplog.text

    def test_a_spool_is_nearly_full_from_a_quarter_of_max_bytes_on(self, tmp_path):
        spool = Spool(tmp_path, max_bytes=1000)
        spool.append("x" * 200, "here")
        assert not spool.is_nearly_full
        spool.append("x" * 200, "here")
        assert spool.is_nearly_full


@pytest.fixture(params=[0.0, 3600.0], ids=["checked", "not checked"])
def name_check(request, monkeypatch):
    """Check by name at each append, or at none; a check by descriptor precedes it."""
    monkeypatch.setattr("eventlog.backends.spool.writer.NAME_CHECK_INTERVAL", request.param)


@pytest.mark.usefixtures("name_check")
class TestRemoved:
    def test_later_events_and_the_events_in_the_open_file_are_kept(self, backend, client, caplog):
        for _ in range(10):
            client.get("/ok/")
        shutil.rmtree(backend.spool.directory)
        for _ in range(10):
            client.get("/ok/")
        assert backend.flush()
        assert actions() == ["GET_OK"] * 20
        assert caplog.text.count("was removed from the spool") == 1

    def test_lost_segments_are_counted_and_reported_once(self, spooling, client, caplog):
        backend = spooling(batch_size=4)
        for _ in range(10):
            client.get("/ok/")
        shutil.rmtree(backend.spool.directory)
        for _ in range(10):
            client.get("/ok/")
        backend.flush()
        backend.flush()
        assert actions().count("GET_OK") == 12
        assert dropped() == [{"count": 8, "reason": "removed"}]
        assert (
            caplog.text.count(
                f"removed from {backend.spool.directory} before they were delivered: 8"
            )
            == 1
        )

    @pytest.mark.parametrize("whole", [True, False])
    def test_a_removal_while_the_spool_is_idle_is_counted(self, backend, monkeypatch, whole):
        log(None, "LOST")
        with monkeypatch.context() as patch:
            patch.setattr("eventlog.backends.sql.delivered.deliver", down)
            assert not backend.flush()  # the file is complete now
        if whole:
            shutil.rmtree(backend.spool.directory)
        else:
            files(backend.spool)[0].unlink()
        backend.flush()
        assert dropped() == [{"count": 1, "reason": "removed"}]

    def test_the_events_of_a_deleted_open_file_are_delivered(self, spooling):
        backend = spooling(batch_size=2)
        for number in range(3):
            log(None, f"X{number}")
        files(backend.spool)[-1].unlink()
        log(None, "X3")
        backend.flush()
        backend.flush()
        assert actions() == ["X0", "X1", "X2", "X3"]

    def test_a_renamed_spool_keeps_its_events_and_a_new_spool_is_created(
        self, spooling, tmp_path, caplog
    ):
        backend = spooling()
        log(None, "BEFORE")
        backend.spool.directory.rename(tmp_path / "renamed")
        log(None, "AFTER")
        backend.flush()
        assert actions() == ["AFTER"]
        assert "was moved out of the spool" in caplog.text
        BufferedBackend(spool=tmp_path / "renamed", interval=None).flush()
        assert actions() == ["AFTER", "BEFORE"]

    def test_an_empty_spool_that_is_removed_is_created_again(self, backend):
        log(None, "A")
        backend.flush()
        backend.spool.directory.rmdir()
        log(None, "B")
        backend.flush()
        assert actions() == ["A", "B"]


def request(client, times=10):
    for _ in range(times):
        client.get("/ok/")


def copy_of(path):
    return shutil.copy(path, path.with_suffix(".copy"))


@pytest.mark.usefixtures("name_check")
class TestReplaced:
    """Another process replaces or truncates the file that the backend appends to."""

    @pytest.fixture
    def path(self, backend, client):
        """The open file, with ten events."""
        request(client)
        (path,) = files(backend.spool)
        return path

    def test_later_events_are_kept(self, backend, path, client, caplog):
        copy_of(path).rename(path)
        request(client)
        assert backend.flush()
        assert actions() == ["GET_OK"] * 20
        assert caplog.text.count("was replaced in the spool") == 1

    def test_the_events_are_delivered_while_the_site_is_idle(self, backend, path):
        copy_of(path).rename(path)
        assert backend.flush()
        assert actions() == ["GET_OK"] * 10

    def test_events_between_the_copy_and_the_replacement_are_kept(self, backend, path, client):
        copy = copy_of(path)
        request(client)
        copy.rename(path)
        request(client)
        assert backend.flush()
        assert actions() == ["GET_OK"] * 30

    def test_an_incomplete_copy_is_completed(self, backend, path, client):
        copy = copy_of(path)
        copy.write_bytes(copy.read_bytes()[:-5])
        copy.rename(path)
        request(client)
        assert backend.flush()
        assert actions() == ["GET_OK"] * 20

    def test_a_replacement_that_another_process_delivered_is_not_written_twice(
        self, backend, path, client
    ):
        copy_of(path).rename(path)
        assert BufferedBackend(spool=backend.spool.directory, interval=None).flush()
        request(client)
        assert backend.flush()
        assert actions() == ["GET_OK"] * 20

    def test_events_that_an_edit_removes_are_counted(self, backend, path, client):
        subprocess.run(["sed", "-i", "1,4d", path], check=True)
        request(client)
        backend.flush()
        assert actions().count("GET_OK") == 16
        assert dropped() == [{"count": 4, "reason": "removed"}]

    def test_events_that_an_edit_changes_are_delivered_as_edited(self, backend, path, client):
        subprocess.run(["sed", "-i", "s/GET_OK/EDITED/", path], check=True)
        request(client)
        assert backend.flush()
        assert actions() == ["EDITED"] * 10 + ["GET_OK"] * 10

    def test_a_spool_that_is_restored_from_a_copy_keeps_later_events(
        self, backend, path, client, tmp_path
    ):
        shutil.copytree(path.parent, tmp_path / "copy")
        shutil.rmtree(path.parent)
        (tmp_path / "copy").rename(path.parent)
        request(client)
        assert backend.flush()
        assert actions() == ["GET_OK"] * 20

    def test_a_directory_in_place_of_the_file_loses_no_event(self, backend, path, client):
        path.unlink()
        path.mkdir()
        request(client)
        backend.flush()
        assert actions() == ["GET_OK"] * 20

    def test_truncated_events_are_counted_and_reported(self, backend, path, client, caplog):
        path.write_bytes(b"")
        request(client)
        backend.flush()
        assert actions().count("GET_OK") == 10
        assert dropped() == [{"count": 10, "reason": "removed"}]
        assert "before they were delivered: 10" in caplog.text

    @pytest.mark.parametrize("is_removed", [False, True])
    def test_truncated_events_are_counted_while_the_site_is_idle(self, backend, path, is_removed):
        path.write_bytes(b"")
        if is_removed:
            path.unlink()
        backend.flush()
        assert (actions(), dropped()) == ([DROPPED], [{"count": 10, "reason": "removed"}])


def test_no_event_is_lost_if_the_process_may_only_write_small_files(project):
    project.configure(interval=None)
    output = project.python("""
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
        for number in range(100):
            log(None, "X", {"text": "x" * 500})
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        backend.flush()
    """)
    assert project.actions() == ["X"] * 100
    assert "disk full" not in output


def test_an_event_that_is_larger_than_a_file_may_be_does_not_fill_the_disk(project):
    project.configure(interval=None, on_unwritable="drop")
    output = project.python("""
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
        log(None, "X", {"text": "x" * 30_000})
        log(None, "Y")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        backend.flush()
    """)
    assert "not writable" in output and "disk full" not in output
    assert project.actions() == ["Y", DROPPED]
