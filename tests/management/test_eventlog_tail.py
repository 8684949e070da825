import json
from contextlib import ExitStack, suppress
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import Error, InterfaceError, OperationalError, connection
from django.utils import timezone

from eventlog.management.commands.eventlog_tail import Command
from eventlog.models import Log
from eventlog.review import follower, newest_pages, pagination

from ..events import write_request
from .streams import ClosedPipe, Terminal

pytestmark = pytest.mark.django_db


def event(action, *, seconds_ago=0, extra=None, **values):
    moment = timezone.now() - timedelta(seconds=seconds_ago)
    return write_request(extra or {}, action=action, timestamp=moment, **values)


def tail(*args, steps=(), stdout=None, **options):
    """Run the command with ``steps`` in place of its waits, and then press Ctrl-C.

    Return the output and the error output.
    """
    out, errors, waiting = stdout or StringIO(), StringIO(), iter(steps)
    command = Command()

    def wait(seconds):
        step = next(waiting, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    command.wait = wait
    call_command(command, *args, stdout=out, stderr=errors, **options)
    return out.getvalue(), errors.getvalue()


def actions(*args, steps=(), **options):
    output, _ = tail(*args, "--json", steps=steps, **options)
    return [json.loads(line)["action"] for line in output.splitlines()]


def nothing():
    """Let a second pass."""


def test_the_newest_ten_events_are_printed_oldest_first():
    for number in range(12):
        event(f"A{number}", seconds_ago=12 - number)
    assert actions() == [f"A{number}" for number in range(2, 12)]


def test_the_number_of_first_lines_can_be_chosen(monkeypatch):
    monkeypatch.setattr(newest_pages, "PAGE_EVENTS", 2)
    for number in range(6):
        event(f"A{number}", seconds_ago=6 - number)
    assert actions("--lines=5") == ["A1", "A2", "A3", "A4", "A5"]


def test_since_begins_with_the_events_of_a_time_span():
    event("OLD", seconds_ago=601)
    for number in range(12):
        event(f"A{number}", seconds_ago=599 - number)
    assert actions("--since=10m") == [f"A{number}" for number in range(12)]


def test_since_and_lines_together_limit_each_other():
    event("OLD", seconds_ago=601)
    event("A", seconds_ago=30)
    event("B", seconds_ago=20)
    assert actions("--since=10m", "--lines=5") == ["A", "B"]
    output, errors = tail("--since=10m", "--lines=1")
    assert " B" in output
    assert "more events of this time span" in errors


def test_new_events_are_printed_once():
    event("A", seconds_ago=5)
    steps = [lambda: event("B"), nothing, lambda: (event("C"), event("D")), nothing]
    assert actions(steps=steps) == ["A", "B", "C", "D"]


def test_an_event_that_arrives_late_is_printed():
    event("A", seconds_ago=5)
    steps = [lambda: event("B"), lambda: event("BUFFERED", seconds_ago=90)]
    assert actions(steps=steps) == ["A", "B", "BUFFERED"]


def test_an_event_whose_transaction_commits_late_is_printed():
    event("A", id=2000)
    steps = [lambda: event("B", id=2002), lambda: event("SLOW", id=2001), nothing]
    assert actions(steps=steps) == ["A", "B", "SLOW"]


def test_events_that_arrive_together_are_in_the_order_of_time():
    steps = [lambda: (event("B", seconds_ago=1), event("A", seconds_ago=2))]
    assert actions(steps=steps) == ["A", "B"]


def test_an_event_before_the_first_lines_is_not_new():
    for number in range(4):
        event(f"A{number}", seconds_ago=4 - number)
    assert actions("--lines=1", steps=[nothing, nothing]) == ["A3"]


def test_an_event_that_is_stored_while_the_first_lines_are_read_is_printed_once(monkeypatch):
    skip = follower.Follower.skip

    def late(self, keys):
        skip(self, keys)
        if not Log.objects.exists():
            event("BETWEEN")

    monkeypatch.setattr(follower.Follower, "skip", late)
    assert actions(steps=[nothing]) == ["BETWEEN"]


def test_the_interval_is_the_time_between_two_queries():
    waits = []
    command = Command()

    def wait(seconds):
        waits.append(seconds)
        raise KeyboardInterrupt

    command.wait = wait
    call_command(command, "--interval=0.5", stdout=StringIO())
    assert waits == [0.5]


def test_many_new_events_are_read_in_chunks_and_none_is_printed_twice(monkeypatch):
    monkeypatch.setattr(follower, "OVERLAP_KEYS", 3)
    monkeypatch.setattr(follower, "CHUNK_EVENTS", 2)
    for number in range(5):
        event(f"OLD{number}", seconds_ago=60 - number)
    names = [f"A{number}" for number in range(9)]
    steps = [lambda: [event(name) for name in names], nothing, lambda: event("Z"), nothing]
    assert actions("--lines=1", steps=steps) == ["OLD4", *names, "Z"]


def test_deleted_events_do_not_stop_the_following(monkeypatch):
    monkeypatch.setattr(follower, "OVERLAP_KEYS", 3)
    for number in range(5):
        event(f"OLD{number}")
    steps = [lambda: Log.objects.all().delete(), lambda: event("A"), nothing]
    assert actions("--lines=1", steps=steps)[1:] == ["A"]


def test_only_events_that_the_search_finds_are_printed():
    event("A", extra={"status": 500}, seconds_ago=3)
    event("B", extra={"status": 200}, seconds_ago=2)
    steps = [lambda: (event("C", extra={"status": 503}), event("D", extra={"status": 200}))]
    assert actions("--search=status:>=500", steps=steps) == ["A", "C"]


def test_a_pattern_also_finds_an_action_that_is_new():
    event("POST_A", seconds_ago=3)
    steps = [lambda: event("POST_B"), lambda: event("GET_A")]
    assert actions("--search=action:POST_*", steps=steps) == ["POST_A", "POST_B"]


def test_a_search_for_an_account_goes_on_after_its_deletion(anna):
    event("A", user=anna, seconds_ago=3)
    steps = [lambda: anna.delete(), lambda: event("B", user_repr="zoe")]
    assert actions("--search=user:anna", steps=steps) == ["A"]


def test_lines_are_coloured_on_a_terminal(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    steps = [lambda: event("NEW", extra={"path": "/\x1b[2J", "status": 200})]
    output, _ = tail(steps=steps, stdout=Terminal())
    assert "\x1b[36mNEW" in output
    assert "/\\x1b[2J" in output


def test_an_invalid_search_is_refused():
    errors = StringIO()
    with pytest.raises(CommandError, match="not valid"):
        call_command("eventlog_tail", "--search=usr:anna", stderr=errors)
    assert "Did you mean: user:anna" in errors.getvalue()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--since=10", "not a time span"),
        ("--since=soon", "not a time span"),
        ("--lines=0", "give 1 or more"),
        ("--interval=0", "not a number of seconds"),
        ("--interval=nan", "not a number of seconds"),
        ("--interval=often", "not a number of seconds"),
    ],
)
def test_an_invalid_option_is_refused(option, message):
    with pytest.raises(CommandError, match=message):
        tail(option)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_is_down_for_a_moment_is_asked_again(error):
    def down(execute, sql, params, many, context):
        raise error("the server closed the connection\nunexpectedly")

    outage = ExitStack()
    steps = [
        lambda: (event("A"), outage.enter_context(connection.execute_wrapper(down))),
        nothing,
        outage.close,
        lambda: event("B"),
    ]
    output, errors = tail(steps=steps)
    assert [line.split()[3] for line in output.splitlines()] == ["A", "B"]
    assert errors.splitlines() == [
        "The database does not answer: the server closed the connection. Trying every 1 s.",
        "The database answers again.",
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no connections to lose")
def test_a_lost_connection_is_opened_again():
    end = {"postgresql": "SELECT pg_terminate_backend(pg_backend_pid())"}

    def lose():
        with connection.cursor() as cursor, suppress(Error):
            cursor.execute(end.get(connection.vendor, "KILL CONNECTION_ID()"))

    output, errors = tail(steps=[lambda: event("A"), lose, nothing, lambda: event("B")])
    assert [line.split()[3] for line in output.splitlines()] == ["A", "B"]
    assert errors.startswith("The database does not answer: ")
    assert errors.endswith("The database answers again.\n")


def test_a_closed_pipe_ends_the_command_quietly():
    out = ClosedPipe()
    steps = [lambda: event("A"), lambda: pytest.fail("The command did not end.")]
    tail(steps=steps, stdout=out)
    assert out.attempts == 1


def test_a_first_scan_that_stops_says_how_far_back_it_searched(monkeypatch):
    monkeypatch.setattr(pagination, "SCAN_CHUNK", 1)
    monkeypatch.setattr(newest_pages, "SCAN_LIMIT", 2)
    monkeypatch.setattr(newest_pages, "SCAN_LIMIT_FACTOR", 1)
    for number in range(6):
        event("A", extra={"n": number}, seconds_ago=6 - number)
    output, errors = tail("--search=extra.n:0")
    assert output == ""
    assert "Searched back to" in errors
    assert "eventlog_search --scan" in errors
