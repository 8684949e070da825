"""Events go to the database that they were logged for, or wait."""

import json
import os

import pytest
from django.db import connection, connections

from eventlog.backends import destinations
from eventlog.backends.spool import Spool
from eventlog.models import log

from ..pytest_command import PYTEST
from .support import actions, files, here

ELSEWHERE = "postgresql@elsewhere:5432,shop"


def as_sqlite(name):
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": name, "HOST": "", "PORT": ""}


@pytest.fixture
def aliases(monkeypatch):
    """Set the databases of other aliases, as ``DATABASES`` does."""

    def choose(**databases):
        for alias, given in databases.items():
            known = connection.settings_dict | {"OPTIONS": {}} | given
            monkeypatch.setitem(connections.settings, alias, known)

    return choose


SERVER = {"ENGINE": "django.db.backends.postgresql", "NAME": "shop", "HOST": "db", "PORT": ""}


@pytest.mark.parametrize(
    ("given", "destination"),
    [
        (SERVER, "postgresql@db:5432,shop"),
        (SERVER | {"HOST": ""}, "postgresql@localhost:5432,shop"),
        (SERVER | {"PORT": 6432}, "postgresql@db:6432,shop"),
        (SERVER | {"HOST": "/run/postgresql"}, "postgresql@%2Frun%2Fpostgresql:5432,shop"),
        (SERVER | {"NAME": "a.b+c!d"}, "postgresql@db:5432,a.b%2Bc%21d"),
        (SERVER | {"NAME": "", "OPTIONS": {"service": "x"}}, "postgresql@db:5432,%2Cx"),
        (as_sqlite("/srv/db.sqlite3"), "sqlite@,%2Fsrv%2Fdb.sqlite3"),
    ],
)
def test_a_destination_names_vendor_host_port_and_database(aliases, given, destination):
    aliases(other=given)
    assert destinations.current("other") == destination
    assert destinations.find(destination) == ("other", "")


def test_long_names_are_shortened_and_stay_different(aliases):
    aliases(one=as_sqlite("/a" + "/x" * 300), two=as_sqlite("/b" + "/x" * 300))
    one, two = destinations.current("one"), destinations.current("two")
    assert one != two
    assert max(len(one), len(two)) < 150


@pytest.mark.parametrize(
    "change", [{"NAME": "other"}, {"HOST": "other"}, {"PORT": "1"}, as_sqlite("shop")]
)
def test_another_database_behind_an_alias_is_another_destination(aliases, change):
    aliases(other=SERVER)
    before = destinations.current("other")
    aliases(other=SERVER | change)
    assert destinations.current("other") != before
    assert destinations.find(before) is None


def test_an_alias_that_is_renamed_is_the_same_destination(aliases):
    aliases(old=SERVER)
    assert destinations.find(destinations.current("old")).using == "old"
    connections.settings.pop("old")
    aliases(new=SERVER)
    assert destinations.find("postgresql@db:5432,shop").using == "new"


def test_a_test_database_is_the_destination_of_this_run_alone():
    assert destinations.is_test_run()
    assert destinations.find(here()).using == "default"
    other_run = here().rpartition("-")[0] + "-1"
    assert destinations.find(other_run) is None
    assert destinations.find(here().partition("!")[0]) is None


def test_a_test_that_changes_the_apps_does_not_end_the_test_run(settings):
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "django.contrib.humanize"]
    assert destinations.is_test_run()


def test_events_of_a_test_run_that_ended_are_abandoned():
    database = here().partition("!")[0]
    assert destinations.is_abandoned(f"{database}!test-{2**22 + 1}")
    assert not destinations.is_abandoned(here())
    assert not destinations.is_abandoned(database)


@pytest.mark.django_db(transaction=True)
class TestWaiting:
    @pytest.fixture
    def waiting(self, backend):
        """A spool with an event for another database and one for this one."""
        log(None, "HERE")
        (path,) = files(backend.spool)
        line = path.read_text()
        backend.spool.append(line.replace("HERE", "ELSEWHERE").strip(), ELSEWHERE)
        return backend

    def test_events_of_another_database_wait_and_are_reported(self, waiting, caplog):
        assert not waiting.flush()
        assert not waiting.flush()
        assert actions() == ["HERE"]
        assert waiting.status().destinations == {ELSEWHERE: 1}
        (record,) = caplog.records
        assert ELSEWHERE in record.message

    def test_events_of_another_database_are_delivered_after_reassign(self, waiting):
        waiting.flush()
        assert waiting.spool.reassign(ELSEWHERE, here()) == 1
        assert waiting.flush()
        assert actions() == ["HERE", "ELSEWHERE"]


TESTCASE = """
from django.test import TestCase, TransactionTestCase
from eventlog.backends import get_backend
from eventlog.models import Log, log

class Tests(TestCase):
    def test_a_request(self):
        self.client.get("/ok/")

    def test_flushed(self):
        self.client.get("/ok/")
        get_backend().flush()
        assert Log.objects.action("GET_OK").exists()
        assert not Log.objects.action("OF_THE_SITE").exists()

    def test_durable(self):
        log(None, "ALWAYS", durability="always")

class WithTransactions(TransactionTestCase):
    def test_a_request(self):
        self.client.get("/ok/")
        log(None, "X")
"""

RUNNERS = {
    "django": ("-m", "django", "test", "--noinput"),
    "pytest": (*PYTEST, "--create-db", "tests.py"),
}


@pytest.mark.parametrize("runner", RUNNERS)
def test_events_of_a_site_and_of_its_tests_never_mix(project, runner):
    project.configure(interval=0.05)
    project.python('log(None, "OF_THE_SITE"); os.kill(os.getpid(), signal.SIGKILL)', code=-9)
    project.write("tests.py", TESTCASE)
    project.run(*RUNNERS[runner])
    project.manage("eventlog_spool", "deliver")  # the test run may have done so at its end
    assert project.actions() == ["OF_THE_SITE"]
    assert files(Spool(project.spool)) == []


PARALLEL = """
import os
from django.test import TransactionTestCase
from eventlog.backends import get_backend
from eventlog.models import Log, log

class First(TransactionTestCase):
    def test_flushed(self):
        log(None, "X")
        get_backend().spool.rotate()
        self.wait_for_the_other_process()
        get_backend().flush()
        assert Log.objects.get().action == "X"
        log(None, "LEFT")

    def wait_for_the_other_process(self):
        os.close(os.open("first", os.O_WRONLY))
        os.close(os.open("second", os.O_RDONLY))

class Second(First):
    def wait_for_the_other_process(self):
        os.close(os.open("first", os.O_RDONLY))
        os.close(os.open("second", os.O_WRONLY))
"""


def test_events_that_a_parallel_test_run_leaves_are_discarded_and_not_delivered(project):
    project.configure(interval=None)
    project.write("tests.py", PARALLEL)
    os.mkfifo(project.directory / "first")
    os.mkfifo(project.directory / "second")
    said = project.run("-m", "django", "test", "--noinput", "--parallel", "2")
    assert "reassign" not in said
    said = project.manage("eventlog_spool", "deliver")
    # Some versions of Python run atexit functions in the workers, which discard the events earlier.
    assert "0 events delivered, 0 left." in said
    assert project.actions() == []


DURING_TESTS = """
import subprocess, sys
from django.test import TransactionTestCase
from eventlog.backends import get_backend
from eventlog.models import Log, log

class Tests(TransactionTestCase):
    def test_the_site_ignores_this_event(self):
        log(None, "X")
        for arguments in (["status", "--max-age", "1000"], ["deliver"]):
            command = [sys.executable, "-m", "django", "eventlog_spool", *arguments]
            subprocess.run(command, check=True)
            get_backend().spool.rotate()
        get_backend().flush()
        assert Log.objects.get().action == "X"
"""


def test_a_site_ignores_the_events_of_a_test_run_of_another_process(project):
    project.configure(interval=None)
    project.write("tests.py", DURING_TESTS)
    said = project.run("-m", "django", "test", "--noinput")
    assert "0 events delivered, 0 left." in said
    assert "reassign" not in said


def test_events_wait_after_the_database_was_renamed_until_they_are_reassigned(project):
    project.configure(interval=None)
    now = project.env["PROJECT_DATABASE"]
    before = json.loads(now)
    project.env["PROJECT_DATABASE"] = json.dumps(before | {"NAME": before["NAME"] + ".before"})
    project.python('log(None, "BEFORE"); os.kill(os.getpid(), signal.SIGKILL)', code=-9)
    project.env["PROJECT_DATABASE"] = now
    (destination,) = Spool(project.spool).status().destinations
    assert "before" in destination
    said = project.manage("eventlog_spool", "status", "--max-age", "1000", code=1)
    assert f"reassign {destination}" in said
    assert "Some events were not delivered" in project.manage(
        "eventlog_spool", "deliver", "--timeout=0", code=1
    )
    assert project.actions() == []
    project.manage("eventlog_spool", "reassign", destination)
    project.manage("eventlog_spool", "deliver")
    assert project.actions() == ["BEFORE"]
