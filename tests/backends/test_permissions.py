"""A spool that belongs to another user, or whose directory is not writable."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from eventlog.backends.losses import DROPPED
from eventlog.backends.spool import Spool

from .project import Project
from .support import files

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
]


REQUESTS = """
    become_another_user()
    os.chmod(backend.spool.directory, 0o500)
    Client().get("/ok/")
    asyncio.run(AsyncClient().get("/aok/"))
    with transaction.atomic():
        log(None, "ON_COMMIT")
    print(Log.objects.count(), "in the table")
    os.chmod(backend.spool.directory, 0o700)
    Client().get("/ok/")
    backend.flush()
    backend.flush()
"""


@pytest.fixture
def project(transactional_db, template):
    """A project outside of pytest's directory, which other users cannot enter."""
    with TemporaryDirectory() as directory:
        yield Project(Path(directory), template, interval=None)


@pytest.fixture
def as_other_user(project):
    """Let another user than root run scripts of the project."""
    project.spool.mkdir(mode=0o700)
    os.chown(project.directory, 65534, 65534)
    os.chown(project.spool, 65534, 65534)
    if hasattr(project, "file"):
        os.chown(project.file, 65534, 65534)
    return project.python


def test_by_default_events_are_written_inline_if_the_directory_is_not_writable(
    as_other_user, project
):
    output = as_other_user(REQUESTS)
    assert "3 in the table" in output
    assert output.count("not writable; events are written to the database within the request") == 1
    assert "full" not in output
    assert project.actions() == ["GET_OK", "GET_AOK", "ON_COMMIT", "GET_OK"]


def test_with_on_unwritable_drop_events_are_dropped_and_counted(as_other_user, project):
    project.configure(interval=None, on_unwritable="drop")
    output = as_other_user(
        REQUESTS + "    print(Log.objects.action('EVENTLOG_DROPPED').get().extra)"
    )
    assert "0 in the table" in output
    assert output.count("not writable; events are dropped and counted") == 1
    assert "{'count': 3, 'reason': 'not writable'}" in output
    assert project.actions() == ["GET_OK", DROPPED]


def test_a_directory_that_refuses_deletion_for_months_causes_no_duplicates(as_other_user, project):
    output = as_other_user(
        """
        from eventlog.backends.buffered import BufferedBackend
        from eventlog.models import DeliveredBatch
        become_another_user()
        log(None, "X")
        backend.spool.rotate()
        os.chmod(backend.spool.directory, 0o500)
        for _ in range(3):
            other = BufferedBackend(spool=backend.spool.directory, interval=None)
            print("flushed", other.flush())
            DeliveredBatch.objects.update(written="2020-01-01T00:00:00Z")
        os.chmod(backend.spool.directory, 0o700)
        print("at last", backend.flush())
        """
    )
    assert output.count("flushed False") == 3
    assert "at last True" in output
    assert project.actions() == ["X"]
    assert files(Spool(project.spool)) == []


def test_a_segment_of_another_user_is_named_and_fails_the_health_check(as_other_user, project):
    output = as_other_user(
        """
        log(None, "OF_ROOT")
        backend.spool.rotate()
        (path,) = backend.spool.directory.glob("*.jsonl")
        os.chown(path, 0, 0)
        become_another_user()
        print("flushed", backend.flush())
        print("status", backend.status())
        call_command("eventlog_spool", "status")
        try:
            call_command("eventlog_spool", "deliver", "--timeout=0")
        except SystemExit as error: print(error)
        except Exception as error: print(error)
        call_command("eventlog_spool", "status", "--max-age", "0")
        """,
        code=1,
    )
    (path,) = project.spool.glob("*.jsonl")
    assert "flushed False" in output
    assert f"unreadable=['{path.name}']" in output
    assert "Some events were not delivered" in output
    assert "Files that this user cannot read: 1" in output.splitlines()[-1]
    assert project.actions() == []


def test_status_fails_for_an_empty_directory_that_is_not_writable(as_other_user, project):
    output = as_other_user(
        """
        become_another_user()
        os.chmod(backend.spool.directory, 0o500)
        call_command("eventlog_spool", "status", "--max-age", "0")
        """,
        code=1,
    )
    assert f"cannot write to the spool '{project.spool}'" in output.splitlines()[-1]


def test_a_directory_of_another_user_is_named_and_fails_the_health_check(as_other_user, project):
    output = as_other_user(
        """
        log(None, "OF_ROOT")
        backend.spool.rotate()
        os.chown(backend.spool.directory, 0, 0)
        become_another_user()
        print("flushed", backend.flush())
        call_command("eventlog_spool", "status", "--max-age", "0")
        """,
        code=1,
    )
    assert "flushed False" in output
    assert str(project.spool) in output.splitlines()[-1]
