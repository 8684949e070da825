"""``manage.py eventlog_spool``."""

import json

import pytest
from django.core.management import CommandError, call_command

from eventlog.backends.losses import DROPPED
from eventlog.backends.spool import Rejected
from eventlog.models import log

from .support import actions, files, here

pytestmark = pytest.mark.django_db(transaction=True)

ELSEWHERE = "postgresql@elsewhere:5432,shop"


@pytest.fixture
def run(capsys):
    """Run the command; return what it prints."""

    def run(*arguments):
        call_command("eventlog_spool", *arguments)
        return "".join(capsys.readouterr())

    return run


def test_status_shows_waiting_and_delivered_events(backend, run):
    log(None, "X")
    facts = json.loads(run("status", "--json"))
    assert (facts["pending"], facts["delivered_in_30_days"], facts["dropped"]) == (1, 0, 0)
    assert facts["destinations"] == {here(): 1}
    assert (facts["dead_letters"], facts["in_flight"], facts["unreadable"]) == (0, 0, [])
    assert facts["oldest_seconds"] >= 0
    assert "1 event delivered, 0 left" in run("deliver")
    facts = json.loads(run("status", "--json"))
    assert (facts["pending"], facts["delivered_in_30_days"]) == (0, 1)
    assert "pending" in run("status")


def test_status_shows_how_many_events_were_dropped(spooling, run):
    backend = spooling(max_bytes=1000)
    for _ in range(20):
        log(None, "X")
    kept = backend.status().events
    backend.flush()
    assert DROPPED in actions()
    assert json.loads(run("status", "--json"))["dropped"] == 20 - kept


def test_status_with_a_maximum_age_is_a_health_check(backend, run):
    run("status", "--max-age", "0")
    log(None, "X")
    run("status")
    with pytest.raises(CommandError, match="has waited"):
        run("status", "--max-age", "0")


@pytest.mark.parametrize("value", ["nan", "-1", "inf", "soon"])
def test_a_time_that_is_not_a_number_of_seconds_is_refused(backend, run, value):
    for arguments in (["status", f"--max-age={value}"], ["deliver", f"--timeout={value}"]):
        with pytest.raises(CommandError, match="not a number of seconds"):
            run(*arguments)


def test_the_health_check_fails_for_dead_letters(backend, run):
    backend.spool.dead_letters.add("1-1-1", here(), [Rejected("line", "reason")])
    with pytest.raises(CommandError, match=r"Dead letters.*: 1 event"):
        run("status", "--max-age", "1000")


def test_the_health_check_fails_for_an_unknown_destination(backend, run, capsys):
    backend.spool.append("x", ELSEWHERE)
    with pytest.raises(CommandError, match=f"reassign {ELSEWHERE}"):
        run("status", "--max-age", "1000")
    call_command("eventlog_spool", "status")
    assert f"reassign {ELSEWHERE}" in capsys.readouterr().err
    with pytest.raises(CommandError, match="Some events were not delivered"):
        run("deliver", "--timeout", "0")


@pytest.mark.parametrize("directory", ["file/spool", "/proc/missing/spool"])
def test_status_fails_for_a_directory_that_cannot_be_created(spooling, tmp_path, run, directory):
    (tmp_path / "file").touch()
    spooling(spool=tmp_path / directory)
    log(None, "X")
    assert actions() == ["X"]
    for options in ([], ["--json"], ["--max-age", "0"]):
        with pytest.raises(CommandError, match=f"cannot write to the spool '.*{directory}'"):
            run("status", *options)


def test_status_creates_nothing(backend, run):
    run("status")
    assert not backend.spool.directory.exists()
    assert files(backend.spool, "../*") == []


def test_reassign_refuses_the_database_of_a_test_run(backend, run):
    other = f"{here()}1"
    backend.spool.append("x", other)
    with pytest.raises(CommandError, match="of a test run"):
        run("reassign", other)


def test_reassigned_events_can_be_delivered(backend, run):
    log(None, "X")
    (path,) = files(backend.spool)
    line = path.read_text().strip()
    backend.spool.append(line, ELSEWHERE)
    backend.flush()
    assert f"1 file assigned to {here()}" in run("reassign", ELSEWHERE)
    run("deliver")
    assert actions() == ["X", "X"]


def test_reassign_names_the_waiting_destinations_if_the_destination_is_unknown(backend, run):
    backend.spool.append("x", ELSEWHERE)
    with pytest.raises(CommandError, match=f"'typo'.*{ELSEWHERE}"):
        run("reassign", "typo")


def test_reassign_refuses_a_destination_that_can_be_delivered(backend, run):
    log(None, "X")
    with pytest.raises(CommandError, match="is in DATABASES"):
        run("reassign", here())


def test_dead_letters_are_listed_corrected_and_put_back(backend, run):
    log(None, "X")
    (path,) = files(backend.spool)
    good = path.read_text().strip()
    path.write_text("no event\n")
    backend.flush()
    assert "no event" in run("dead")
    (dead,) = files(backend.spool, "*.dead")
    dead.write_text(json.dumps(json.loads(dead.read_text()) | {"line": good}) + "\n")
    assert "1 event moved back" in run("retry")
    assert sorted(actions()) == ["EVENTLOG_RETRIED", "X"]
    assert files(backend.spool) == []


def test_without_a_spool_the_command_names_the_backends_that_have_one(run):
    with pytest.raises(CommandError, match="BufferedBackend"):
        run("status")
