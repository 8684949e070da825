import os

import pytest

from eventlog.backends.spool import files, locks


def test_a_file_is_locked_until_it_is_unlocked(tmp_path):
    path = tmp_path / "file"
    file = files.create_locked(path)
    assert files.lock(path) is None
    files.unlock(file)
    again = files.lock(path)
    assert again is not None
    files.unlock(again)


def test_a_file_that_is_removed_at_its_creation_is_not_used(tmp_path, monkeypatch):
    path = tmp_path / "file"
    real = locks.fcntl.flock

    def removed(*args):
        path.unlink()
        return real(*args)

    monkeypatch.setattr(locks.fcntl, "flock", removed)
    assert files.create_locked(path) is None


def test_a_file_that_is_renamed_while_it_is_locked_is_not_used(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.touch()
    real = locks.fcntl.flock

    def renamed(*args):
        path.rename(tmp_path / "other")
        return real(*args)

    monkeypatch.setattr(locks.fcntl, "flock", renamed)
    assert files.lock(path) is None


def test_an_existing_file_is_never_opened_for_writing(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        files.create_locked(tmp_path / "file")


def test_a_missing_file_has_no_lock_and_no_size(tmp_path):
    assert files.lock(tmp_path / "missing") is None
    assert files.size(tmp_path / "missing") == 0
    assert files.inode(os.fsencode(tmp_path / "missing"), files.StatBuffer()) == 0


def test_the_inode_is_the_inode_of_the_file_that_has_the_name_now(tmp_path):
    path, buffer = tmp_path / "file", files.StatBuffer()
    for _ in range(2):
        other = tmp_path / "other"
        other.touch()
        other.rename(path)
        assert files.inode(os.fsencode(path), buffer) == path.stat().st_ino


def test_a_file_is_removed_when_its_last_name_is_gone(tmp_path):
    path, buffer = tmp_path / "file", files.StatBuffer()
    file = files.create_locked(path)
    states = [files.is_removed(file, buffer)]
    path.rename(tmp_path / "renamed")
    (tmp_path / "link").hardlink_to(tmp_path / "renamed")
    (tmp_path / "renamed").unlink()
    states.append(files.is_removed(file, buffer))
    (tmp_path / "link").unlink()
    assert [*states, files.is_removed(file, buffer)] == [False, False, True]
    files.unlock(file)


def test_a_removed_file_can_be_read_through_its_descriptor(tmp_path):
    file = files.create_locked(tmp_path / "file")
    files.write(file, b"event\n", 6)
    (tmp_path / "file").unlink()
    assert files.read_all(file) == b"event\n"
    files.unlock(file)


def test_a_process_that_ended_is_not_running():
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    assert not files.is_running(child)
    assert files.is_running(os.getpid())
