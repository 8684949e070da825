"""Batches are in ClickHouse exactly once, whatever happens between two deliveries."""

import json
import shutil
import signal
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError

from eventlog.backends import destinations, get_backend
from eventlog.contrib.clickhouse.insertion import deliver
from eventlog.contrib.clickhouse.rows import KEY_BITS
from eventlog.models import Log
from eventlog.records.record import Record
from eventlog.signals import event_logged

from ...shop.models import Widget
from .conftest import BACKEND

JANUARY, FEBRUARY = datetime(2026, 1, 31, 23, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


def line(action, when=JANUARY, **values):
    return Record.build(None, action, {}, None, when)._replace(**values).to_json()


def refuse(batch_id, rejected):
    raise AssertionError(rejected)


def send(backend, lines, batch_id="b1", dead_letter=refuse):
    deliver(batch_id, [lines], backend.table, dead_letter)


def write(backend, action, user=None, extra=None, obj=None):
    backend.write([Record.build(user, action, extra, obj, JANUARY)])


def actions(select):
    return sorted(action for (action,) in select("action"))


def test_an_event_is_stored_with_all_its_values(backend, select, anna):
    widget = Widget.objects.create(name="sprocket")
    write(backend, "PAID", anna, {"total": 1.0, "path": "/own"}, widget)
    assert backend.flush()
    ((uid, *values),) = select(
        "uid, action, user_id, user_repr, user_state, model, object_id, object_repr, is_request,"
        " ip, status, own_keys, extra, toUnixTimestamp(timestamp), id"
    )
    key = values.pop()
    assert values == ["PAID", str(anna.pk), "anna", 1, "shop.widget", str(widget.pk), "sprocket",
                      False, None, None, ",path,", '{"total":1.0,"path":"/own"}',
                      int(JANUARY.timestamp())]  # fmt: skip
    assert key == uid.int & KEY_BITS
    assert not Log.objects.exists()


def test_a_batch_that_is_sent_twice_is_stored_once(backend, select):
    lines = [line("A"), line("B", FEBRUARY)]
    send(backend, lines)
    send(backend, lines)
    assert actions(select) == ["A", "B"]


def test_a_batch_is_stored_once_after_its_token_was_forgotten(backend, select):
    backend.table.server.command(
        f"ALTER TABLE {backend.table.name} MODIFY SETTING non_replicated_deduplication_window = 0"
    )
    lines = [line("A"), line("B", FEBRUARY)]
    send(backend, lines)
    send(backend, lines)
    assert actions(select) == ["A", "B"]


def test_a_month_that_is_missing_is_added(backend, select):
    lines = [line("A"), line("B"), line("C", FEBRUARY)]
    send(backend, lines[:2])
    send(backend, lines)
    assert actions(select) == ["A", "B", "C"]


def test_a_month_that_is_partly_written_is_completed(backend, select):
    lines = [line("A"), line("B", JANUARY + timedelta(seconds=1)), line("C", FEBRUARY)]
    send(backend, lines[:1])
    send(backend, lines)
    send(backend, lines)
    assert actions(select) == ["A", "B", "C"]


def test_events_of_an_insert_that_still_runs_are_not_added_twice(backend, select, monkeypatch):
    lines = [line("A"), line("B", FEBRUARY)]
    send(backend, lines)
    monkeypatch.setattr(
        "eventlog.contrib.clickhouse.insertion.present_uids", lambda *arguments: set()
    )
    send(backend, lines)
    assert actions(select) == ["A", "B"]


def test_events_without_a_uid_are_stored_once(backend, select):
    lines = [line("A", uid=""), line("A", uid="")]
    send(backend, lines)
    send(backend, lines)
    assert actions(select) == ["A", "A"]


def test_lines_that_are_not_events_become_dead_letters(backend, select):
    write(backend, "A")
    backend.spool.append("{}", backend.current_destination())
    backend.spool.append(line("OLD", JANUARY.replace(year=1200)), backend.current_destination())
    assert backend.flush()
    not_an_event, too_old = [each.reason for each in backend.spool.dead_letters.read()]
    assert not_an_event == "ValueError: this line is not an event"
    assert too_old == (
        "ValueError: timestamp is 1200-01-31T23:00:00+00:00; ClickHouse stores 1900 to 2299"
    )
    assert actions(select) == ["A"]


def test_a_row_that_the_server_rejects_becomes_a_dead_letter(backend, select):
    backend.table.server.command(
        f"ALTER TABLE {backend.table.name} ADD CONSTRAINT no_b CHECK action != 'B'"
    )
    lines = [line(action) for action in "ABCA"]
    for _ in range(2):
        send(
            backend, lines, dead_letter=partial(backend.dead_letter, backend.current_destination())
        )
        (letter,) = backend.spool.dead_letters.read()
        assert Record.from_json(letter.line).action == "B"
        assert "no_b" in letter.reason
    assert actions(select) == ["A", "A", "C"]


def test_event_logged_is_sent_once_for_each_event(backend, anna):
    found = []

    def receive(event, **kwargs):
        found.append((event.action, event.user_id, event.pk))

    lines = [line("A", user_id=anna.pk)]
    event_logged.connect(receive)
    try:
        send(backend, lines)
        send(backend, lines)
    finally:
        event_logged.disconnect(receive)
    ((key,),) = backend.table.server.query(f"SELECT id FROM {backend.table.name}")
    assert found == [("A", anna.pk, key)]


def test_the_event_of_a_deleted_user_keeps_name_and_key(backend, select, anna):
    write(backend, "A", anna)
    key = anna.pk
    User.objects.all().delete()
    assert backend.flush()
    assert select("user_id, user_repr") == [(str(key), "anna")]


def test_events_wait_while_the_server_is_not_available(backend, select):
    call = backend.table.server.command
    call(f"RENAME TABLE {backend.table.name} TO {backend.table.database}.away")
    write(backend, "A")
    assert not backend.flush()
    assert backend.status().events == 1
    call(f"RENAME TABLE {backend.table.database}.away TO {backend.table.name}")
    assert backend.flush()
    assert actions(select) == ["A"]


def test_a_server_that_cannot_be_reached_is_an_unavailable_database(settings, tmp_path, db):
    options = {
        "connection": {"host": "127.0.0.1", "port": 9, "connect_timeout": 1},
        "spool": tmp_path / "spool",
        "interval": None,
    }
    settings.EVENTLOG = {"BACKEND": BACKEND, "OPTIONS": options}
    backend = get_backend()
    write(backend, "A")
    assert not backend.flush()
    with pytest.raises(OperationalError):
        backend.table.server.query("SELECT 1")
    assert backend.status().events == 1
    settings.EVENTLOG = {}
    get_backend()


def test_an_event_is_written_inline_if_the_spool_is_not_writable(backend, select):
    write(backend, "A")
    backend.flush()
    shutil.rmtree(backend.spool.directory)
    backend.spool.directory.write_text("a file")
    write(backend, "B")
    assert actions(select) == ["A", "B"]


def test_events_of_another_backend_are_delivered_to_their_database(backend, select):
    backend.spool.append(line("A"), destinations.current("default"))
    write(backend, "B")
    assert backend.flush()
    assert [event.action for event in Log.objects.all()] == ["A"]
    assert actions(select) == ["B"]


def test_a_batch_without_a_valid_event_is_not_counted_as_lost(backend, select):
    backend.spool.append("{}", backend.current_destination())
    for _ in range(2):
        assert backend.flush()
    assert actions(select) == []


def test_delivered_events_are_not_counted_as_lost(backend, select):
    for action in "AB":
        write(backend, action)
        backend.spool.rotate()
        assert backend.flush()
    assert backend.flush()
    assert actions(select) == ["A", "B"]


def test_events_of_a_test_run_go_to_a_database_of_its_own(backend, options):
    assert backend.table.name == "test_default.eventlog"
    assert destinations.TEST_RUN in backend.current_destination()


def test_a_process_that_is_killed_after_the_insert_leaves_no_duplicate(project, tmp_path):
    options = {
        "connection": {"interface": "chdb", "path": str(tmp_path / "engine")},
        "spool": str(project.spool),
        "interval": None,
    }
    project.env["PROJECT_EVENTLOG"] = json.dumps({"BACKEND": BACKEND, "OPTIONS": options})
    project.python(
        """
        from eventlog.backends.spool import Segment
        backend.table.create("MergeTree")
        Segment.remove = lambda segment: os.kill(os.getpid(), signal.SIGKILL)
        for n in range(3):
            log(None, f"A{n}")
        backend.flush()
        """,
        code=-signal.SIGKILL,
    )
    found = project.python(
        """
        events = [backend.status().events, backend.flush(), backend.status().events]
        rows = backend.table.server.query(f"SELECT action FROM {backend.table.name}")
        print(json.dumps([events, sorted(action for (action,) in rows)]))
        """
    )
    assert json.loads(found) == [[3, True, 0], ["A0", "A1", "A2"]]


# The command


def test_check_reports_a_table_that_is_missing_or_old(backend, capsys):
    call_command("eventlog_clickhouse", "check")
    assert "has no problems" in capsys.readouterr().out
    backend.table.server.command(f"ALTER TABLE {backend.table.name} DROP INDEX by_ip")
    backend.table.server.command(f"ALTER TABLE {backend.table.name} DROP COLUMN fact_reason")
    with pytest.raises(CommandError, match="lacks columns or indexes"):
        call_command("eventlog_clickhouse", "check")
    call_command("eventlog_clickhouse", "migrate")
    call_command("eventlog_clickhouse", "check")
    backend.table.server.command(f"DROP TABLE {backend.table.name}")
    with pytest.raises(CommandError, match="does not exist"):
        call_command("eventlog_clickhouse", "check")


def test_create_prints_the_statements_of_a_cluster(backend, capsys):
    engine = "ReplicatedMergeTree('/clickhouse/{shard}/eventlog', '{replica}')"
    call_command(
        "eventlog_clickhouse", "create", "--engine", engine, "--cluster", "main", "--dry-run"
    )
    out = capsys.readouterr().out
    assert "CREATE TABLE IF NOT EXISTS test_default.eventlog ON CLUSTER main (" in out
    assert f"ENGINE = {engine}\nPARTITION BY toYYYYMM(timestamp)" in out


def test_a_name_that_is_not_an_identifier_is_refused(settings):
    settings.EVENTLOG = {"BACKEND": BACKEND, "OPTIONS": {"table": "a; b"}}
    with pytest.raises(Exception, match="table is 'a; b'; it has to be a name"):
        get_backend()
