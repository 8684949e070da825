import threading

import pytest
from django.core import mail

from eventlog.backends import get_backend
from eventlog.backends.spool import Spool
from eventlog.signals import event_logged

from ..settings import DB
from .project import Project

BUFFERED = "eventlog.backends.buffered.BufferedBackend"


@pytest.fixture
def spooling(settings, tmp_path):
    """Return a function that configures a backend which only delivers on ``flush()``."""

    def choose(**options):
        settings.EVENTLOG = {
            "BACKEND": BUFFERED,
            "OPTIONS": {"spool": tmp_path / "spool", "interval": None} | options,
        }
        return get_backend()

    yield choose
    settings.EVENTLOG = {}
    get_backend()


@pytest.fixture
def backend(spooling):
    return spooling()


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool")


class Written(threading.Event):
    """A receiver of ``event_logged`` that another thread can wait for."""

    def __call__(self, **kwargs):
        self.set()


@pytest.fixture
def written():
    receiver = Written()
    event_logged.connect(receiver)
    yield receiver
    event_logged.disconnect(receiver)


@pytest.fixture
def serving(monkeypatch):
    """Let the thread deliver, which it does not do while Django's test runner is active."""
    monkeypatch.delattr(mail, "outbox")  # the sign of a test run


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """The file of a migrated SQLite database, for copies; None with a database server."""
    if DB != "sqlite":
        return None
    project = Project(tmp_path_factory.mktemp("template"))
    project.manage("migrate", "-v0")
    return project.file


@pytest.fixture
def project(tmp_path, transactional_db, template):
    """A site that subprocesses run, outside of this test run."""
    return Project(tmp_path, template)
