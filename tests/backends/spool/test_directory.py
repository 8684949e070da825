import os
import stat

import pytest

from eventlog.backends.buffered import BufferedBackend

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@needs_root
def test_a_directory_inside_an_unreadable_directory_is_not_writable(tmp_path):
    backend = BufferedBackend(spool=tmp_path / "closed" / "spool")
    backend.spool.directory.mkdir(parents=True)
    backend.spool.directory.parent.chmod(0o700)
    if not (child := os.fork()):
        found = []
        try:
            os.setuid(65534)
            found = [message.id for message in backend.check()]
        finally:
            os._exit(found != ["eventlog.E010"])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_file_in_place_of_the_directory_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    (message,) = BufferedBackend(spool=tmp_path / "file" / "spool").check()
    assert message.id == "eventlog.E010"


def test_a_directory_that_others_can_read_is_a_warning(tmp_path):
    tmp_path.chmod(0o755)
    (message,) = BufferedBackend(spool=tmp_path).check()
    assert message.id == "eventlog.W011"
    assert str(tmp_path) in message.hint


def test_a_private_directory_has_no_message(tmp_path):
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert BufferedBackend(spool=tmp_path).check() == []


def test_without_a_spool_option_the_directory_is_in_base_dir(settings, tmp_path):
    (message,) = BufferedBackend().check()
    assert message.id == "eventlog.W010"
    settings.BASE_DIR = tmp_path
    backend = BufferedBackend()
    assert backend.check() == []
    assert backend.spool.directory == tmp_path / "eventlog_spool"
