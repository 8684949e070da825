"""The file that a process appends to: signals, threads, forks and a full disk."""

import errno
import os
import threading

import pytest

from eventlog.backends.spool import Spool, files
from eventlog.backends.spool.writer import SegmentWriter

from ..support import files as files_of

HERE = "here"


def lines(spool):
    found = []
    for segment in spool.claim():
        found += segment.lines()
        segment.release()
    return found


def interrupting(monkeypatch, name, handler):
    """Run a signal handler once, inside ``files.<name>``."""
    real = getattr(files, name)

    def interrupted(*args):
        monkeypatch.setattr(files, name, real)
        handler()
        return real(*args)

    monkeypatch.setattr(files, name, interrupted)


@pytest.mark.parametrize("name", ["create_locked", "write", "unlock"])
@pytest.mark.parametrize("batch_size", [1, 2, 9])
def test_a_signal_handler_may_log_while_its_thread_logs(tmp_path, monkeypatch, name, batch_size):
    spool = Spool(tmp_path, batch_size=batch_size)
    interrupting(monkeypatch, name, lambda: spool.append("handler", HERE))
    for number in range(3):
        spool.append(f"{number}", HERE)
    spool.rotate()
    monkeypatch.undo()
    expected = ["0", "1", "2"]
    if name != "unlock" or batch_size < 9:  # else nothing was completed before rotate()
        expected.append("handler")
    else:
        spool.rotate()
        expected.append("handler")
    assert sorted(lines(spool)) == expected


@pytest.mark.parametrize("check", [files.is_removed, files.portable_is_removed])
def test_a_signal_handler_may_complete_the_file_while_it_is_checked(tmp_path, monkeypatch, check):
    monkeypatch.setattr(files, "is_removed", check)
    spool = Spool(tmp_path, batch_size=2)
    spool.append("0", HERE)
    interrupting(monkeypatch, "is_removed", lambda: spool.append("handler", HERE))
    spool.append("1", HERE)
    spool.rotate()
    assert lines(spool) == ["0", "handler", "1"]


def test_events_of_a_signal_handler_after_a_write_are_not_counted_as_lost(tmp_path, monkeypatch):
    """The handler completes the file, and opens another one with the same descriptor."""
    spool = Spool(tmp_path, batch_size=2)
    real = files.write

    def interrupted(*args):
        monkeypatch.undo()
        written = real(*args)
        for number in range(3):
            spool.append(f"handler{number}", HERE)
        return written

    monkeypatch.setattr(files, "write", interrupted)
    spool.append("0", HERE)
    spool.rotate()
    assert lines(spool) == ["0", "handler0", "handler1", "handler2"]
    assert spool.take_lost() == 0


def test_a_signal_handler_may_open_a_file_while_its_thread_opens_a_file(spool, monkeypatch):
    real = os.fsencode

    def interrupted(path):
        monkeypatch.undo()
        spool.append("handler", HERE)
        return real(path)

    monkeypatch.setattr("eventlog.backends.spool.writer.os.fsencode", interrupted)
    spool.append("0", HERE)
    spool.rotate()
    assert sorted(lines(spool)) == ["0", "handler"]


def test_a_file_system_that_does_not_count_links_has_the_same_segments(spool, monkeypatch, caplog):
    monkeypatch.setattr(files, "is_removed", lambda *args: True)
    for number in range(3):
        spool.append(f"{number}", HERE)
    assert len(files_of(spool)) == 1
    assert not caplog.text


def test_a_file_that_is_removed_at_its_creation_is_created_again(spool, monkeypatch):
    """A process that removes empty files may be faster than the lock."""
    real = files.create_locked

    def removed(path):
        monkeypatch.undo()
        files.unlock(real(path))
        path.unlink()

    monkeypatch.setattr(files, "create_locked", removed)
    spool.append("x", HERE)
    spool.rotate()
    assert lines(spool) == ["x"]


def test_threads_share_a_file(tmp_path):
    spool = Spool(tmp_path, batch_size=30)

    def write():
        for _ in range(50):
            spool.append("x" * 100, HERE)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spool.rotate()
    assert lines(spool) == ["x" * 100] * 400


def full(*args):
    raise OSError(errno.ENOSPC, "on purpose")


def test_a_line_that_does_not_fit_on_the_disk_leaves_no_incomplete_line(tmp_path, monkeypatch):
    spool = Spool(tmp_path)
    spool.append("before", HERE)
    real = files.write
    monkeypatch.setattr(files, "write", lambda file, data, length: real(file, data, length // 2))
    monkeypatch.setattr(files, "write_rest", full)
    with pytest.raises(OSError) as raised:
        spool.append("does not fit", HERE)
    assert raised.value.errno == errno.ENOSPC
    monkeypatch.undo()
    spool.append("after", HERE)
    spool.rotate()
    assert lines(spool) == ["before", "after"]


def test_an_event_on_disk_is_not_reported_as_lost_when_completing_its_file_fails(
    tmp_path, monkeypatch, caplog
):
    spool = Spool(tmp_path, batch_size=1)

    def fail(file):
        os.close(file)
        raise OSError("on purpose")

    monkeypatch.setattr(files, "unlock", fail)
    spool.append("x", HERE)
    monkeypatch.undo()
    assert "completing a segment" in caplog.text
    assert lines(spool) == ["x"]


def test_fsync_completes_the_same_segments(tmp_path):
    spool = Spool(tmp_path, batch_size=2, fsync=True)
    assert [spool.append("x", HERE) for _ in range(3)] == [False, True, False]


def test_a_forked_child_writes_to_its_own_file(spool):
    spool.append("parent", HERE)
    child = os.fork()
    if not child:
        spool.reset()
        spool.append("child", HERE)
        os._exit(0)
    os.waitpid(child, 0)
    spool.append("parent", HERE)
    assert len(files_of(spool)) == 2
    spool.rotate()
    assert sorted(lines(spool)) == ["child", "parent", "parent"]


def test_a_forked_child_keeps_no_file_of_its_parent_open(spool):
    spool.append("parent", HERE)
    child = os.fork()
    if not child:
        spool.reset()
        held = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
        os._exit(any(str(spool.directory) in path for path in held))
    assert os.waitpid(child, 0)[1] == 0


def test_a_forked_child_may_have_closed_the_files_that_it_inherited(spool):
    spool.append("parent", HERE)
    child = os.fork()
    if not child:
        os.closerange(3, 256)
        spool.reset()
        spool.append("child", HERE)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    spool.rotate()
    assert sorted(lines(spool)) == ["child", "parent"]


def test_a_child_that_keeps_the_descriptor_does_not_keep_the_lock(spool):
    spool.append("x", HERE)
    ready = os.pipe()
    child = os.fork()
    if not child:
        os.read(ready[0], 1)
        os._exit(0)
    spool.rotate()
    found = lines(Spool(spool.directory))
    os.write(ready[1], b"x")
    os.waitpid(child, 0)
    assert found == ["x"]


def test_is_writing_compares_the_path_of_the_current_file(tmp_path):
    writer = SegmentWriter(tmp_path, HERE, batch_size=9, batch_bytes=999, fsync=False)
    writer.append(b"x\n")
    (path,) = tmp_path.iterdir()
    assert writer.is_writing(path)
    writer.rotate()
    assert not writer.is_writing(path)
    assert writer.completed == {path: 1}


def test_a_segment_that_is_moved_away_keeps_its_events(spool, tmp_path, caplog):
    spool.append("before", HERE)
    (path,) = files_of(spool)
    path.rename(tmp_path / path.name)
    spool.append("after", HERE)
    spool.rotate()
    assert lines(spool) == ["after"]
    assert "was moved out of the spool with 1 events" in caplog.text
    (tmp_path / path.name).rename(path)
    assert sorted(lines(spool)) == ["after", "before"]
