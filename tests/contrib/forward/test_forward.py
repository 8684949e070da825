"""Each target gets each selected event from the spool, with an acknowledgement of its own."""

import json
import os
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from eventlog.backends import destinations
from eventlog.backends.spool import Rejected, files
from eventlog.backends.spool.segment_directory import SegmentDirectory
from eventlog.contrib.forward.event import Event
from eventlog.contrib.forward.file import FileTarget
from eventlog.contrib.forward.queue import TargetQueue
from eventlog.contrib.forward.sender import Sender
from eventlog.contrib.forward.state import SendingState
from eventlog.models import Log, log
from eventlog.records.record import Record

from .targets import MemoryTarget, OtherTarget

MEMORY = "tests.contrib.forward.targets.MemoryTarget"
OTHER = "tests.contrib.forward.targets.OtherTarget"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty():
    for target in (MemoryTarget, OtherTarget):
        target.batches.clear()
        target.behaviours.clear()


def ids():
    return [str(uid) for uid in Log.objects.order_by("id").values_list("uid", flat=True)]


def received(target=MemoryTarget):
    return [event for batch in target.batches for event in batch]


def log_events(count, action="A"):
    for number in range(count):
        log(None, action, {"number": number}, durability="always")


def status(run):
    return json.loads(run("status", "--json"))


def test_a_target_gets_each_event_once_and_the_database_as_well(forwarding, run):
    backend = forwarding(siem={"TARGET": MEMORY})
    log_events(3)
    assert backend.flush()
    assert run("run") == "siem: 3 events sent.\n"
    assert run("run") == "siem: 0 events sent.\n"
    assert received() == ids()
    assert [str(UUID(uid)) for uid in received()] == received()
    assert status(run)["siem"]["waiting_segments"] == 0


def test_a_search_selects_what_a_target_gets(forwarding, run):
    backend = forwarding(siem={"TARGET": MEMORY, "SEARCH": "action:B -extra.number:0"})
    log_events(3, "A")
    log_events(3, "B")
    backend.flush()
    assert run("run") == "siem: 2 events sent.\n"
    assert received() == ids()[4:]


def test_a_target_that_is_down_holds_only_its_own_segments(forwarding, run):
    backend = forwarding(siem={"TARGET": MEMORY}, other={"TARGET": OTHER})
    MemoryTarget.behaviours += ["fail"]
    log_events(2)
    assert backend.flush()
    with pytest.raises(CommandError, match="siem: Unavailable: down"):
        run("run")
    assert received(OtherTarget) == ids()
    facts = status(run)
    assert (facts["siem"]["waiting_events"], facts["other"]["waiting_events"]) == (2, 0)
    assert facts["siem"]["last_error"] == "Unavailable: down"
    run("run")
    assert received() == ids()


def test_a_target_gets_events_while_the_database_is_down(forwarding, run, monkeypatch):
    backend = forwarding(siem={"TARGET": MEMORY})
    for _ in range(4):
        log_events(1)
        backend.spool.rotate()

    def unavailable(*args):
        raise OperationalError("down")

    with monkeypatch.context() as patch:
        patch.setattr("eventlog.backends.sql.delivered.deliver", unavailable)
        assert not backend.flush()
        assert not backend.flush()
        run("run")
        assert not backend.flush()
        run("run")
    assert len(received()) == 4
    assert backend.flush()
    run("run")
    assert received() == ids()
    assert list(SegmentDirectory(backend.spool.directory / "forward" / "siem").paths(".done")) == []


def test_events_whose_answer_was_lost_are_sent_again_with_the_same_id(forwarding, run):
    backend = forwarding(siem={"TARGET": MEMORY, "BATCH_SIZE": 2})
    MemoryTarget.behaviours += ["accept", "forget"]
    log_events(5)
    backend.flush()
    with pytest.raises(CommandError):
        run("run")
    run("run")
    first, again, last = ids()[:2], ids()[2:4], ids()[4:]
    assert MemoryTarget.batches == [first, again, again, last]


def test_a_refused_event_becomes_a_dead_letter_and_the_others_are_sent(forwarding, run):
    backend = forwarding(siem={"TARGET": MEMORY})
    log_events(3)
    log_events(1, "POISON")
    log_events(3)
    backend.flush()
    assert run("run") == "siem: 6 events sent.\n"
    assert sorted(received()) == sorted(uid for n, uid in enumerate(ids()) if n != 3)
    assert status(run)["siem"]["dead_letters"] == 1
    with pytest.raises(CommandError, match="dead letters: 1"):
        run("status", "--max-age", "60")
    Log.objects.all().delete()
    assert "1 event moved back." in run("retry", "siem")
    assert status(run)["siem"]["dead_letters"] == 1


def test_a_full_queue_drops_and_counts_the_newest_events(forwarding, run):
    backend = forwarding(
        siem={"TARGET": MEMORY, "MAX_BYTES": 600}, other={"TARGET": OTHER, "MAX_BYTES": 10_000}
    )
    for _ in range(4):
        log_events(1)
        assert backend.flush()
    facts = status(run)
    assert facts["siem"]["waiting_events"] + facts["siem"]["dropped"] == 4
    assert facts["siem"]["dropped"] > 0
    assert facts["siem"]["waiting_bytes"] <= 600
    assert facts["other"]["waiting_events"] == 4
    run("run")
    assert received() == ids()[: len(received())]
    assert received(OtherTarget) == ids()


def test_a_position_survives_the_end_of_the_process(forwarding, run):
    backend = forwarding(siem={"TARGET": MEMORY, "BATCH_SIZE": 1})
    MemoryTarget.behaviours += ["accept", "fail"]
    log_events(3)
    backend.flush()
    with pytest.raises(CommandError):
        run("run")
    assert status(run)["siem"]["waiting_events"] == 2
    run("run")
    assert received() == ids()


def test_only_one_process_sends_to_a_target(forwarding, run):
    backend = forwarding(siem={"TARGET": MEMORY})
    log_events(1)
    backend.flush()
    other = TargetQueue(backend.spool.directory, "siem", 1)
    assert other.acquire()
    with pytest.raises(CommandError, match=r"siem: Another process is sending\."):
        run("run")
    other.release()
    run("run")
    assert received() == ids()


def test_dead_letters_of_the_database_are_not_sent_a_second_time(forwarding, run):
    backend = forwarding(siem={"TARGET": MEMORY})
    line = Record.build(None, "A").to_json()
    backend.dead_letter(destinations.current("default"), "1-1-a", [Rejected(line, "too long")])
    assert backend.spool.dead_letters.retry() == 1
    assert backend.flush()
    assert run("run") == "siem: 0 events sent.\n"
    assert Log.objects.count() == 1


def test_events_of_a_test_run_stay_in_it(forwarding, run):
    backend = forwarding(siem={"TARGET": MEMORY})
    queue = TargetQueue(backend.spool.directory, "siem", 1)
    lines = (Record.build(None, "A").to_json() + "\n").encode()
    ended, running = f"1-a.db!test-{1 << 30}.jsonl", f"2-a.db!test-{os.getppid()}.jsonl"
    for name in (ended, running):
        files.put(queue.directory / name, lines)
    assert run("run") == "siem: 0 events sent.\n"
    assert [path.name for path in queue.paths(".jsonl")] == [running]


def test_a_line_that_is_not_an_event_becomes_a_dead_letter(forwarding, run):
    backend = forwarding(siem={"TARGET": MEMORY})
    queue = TargetQueue(backend.spool.directory, "siem", 1)
    line = Record.build(None, "A").to_json()
    files.put(queue.directory / "1-a.jsonl", f"{{}}\n{line}\n{line[:-5]}".encode())
    queue.dead_letters.add("1-b", "", [Rejected("x" * 2000, "too long")])
    forwarding(siem={"TARGET": MEMORY, "MAX_BYTES": 1000})
    with pytest.raises(CommandError, match="the limit MAX_BYTES of dead letters is reached"):
        run("run")
    forwarding(siem={"TARGET": MEMORY})
    assert run("run") == "siem: 1 event sent.\n"
    assert len(queue.dead_letters.read()) == 2


def test_a_copy_is_kept_where_files_cannot_be_linked(forwarding, run, monkeypatch):
    backend = forwarding(siem={"TARGET": MEMORY})
    log_events(2)

    def refuse(*args):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert backend.flush()
    run("run")
    assert received() == ids()


def test_events_that_cannot_be_kept_are_dropped_and_counted(forwarding, run, monkeypatch):
    backend = forwarding(siem={"TARGET": MEMORY})
    log_events(2)

    def refuse(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", refuse)
        patch.setattr("pathlib.Path.read_bytes", refuse)
        assert backend.flush()
    assert status(run)["siem"]["dropped"] == 2
    assert Log.objects.count() == 2


def test_a_queue_that_cannot_be_created_does_not_stop_the_database(forwarding):
    backend = forwarding(siem={"TARGET": MEMORY})
    files.put(backend.spool.directory / "forward", b"")
    log_events(2)
    assert backend.flush()
    assert Log.objects.count() == 2


def test_a_target_with_a_wrong_name_does_not_stop_the_others(forwarding, run):
    backend = forwarding(**{"../x": {"TARGET": MEMORY}, "siem": {"TARGET": MEMORY}})
    log_events(1)
    assert backend.flush()
    run("run")
    assert received() == ids()


def test_a_receiver_that_fails_does_not_stop_the_database(forwarding, monkeypatch):
    backend = forwarding(siem={"TARGET": MEMORY})
    monkeypatch.setattr("eventlog.backends.delivery.segments.segment_receivers", [int])
    log_events(1)
    assert backend.flush()
    assert Log.objects.count() == 1


def test_no_process_tries_again_before_the_pause_is_over(forwarding, run):
    backend = forwarding(siem={"TARGET": MEMORY})
    MemoryTarget.behaviours += ["fail"]
    log_events(1)
    backend.flush()
    sender = Sender("siem", {"TARGET": MEMORY}, backend.spool.directory)
    assert not sender.run()
    assert not sender.run()
    assert received() == []
    assert sender.run(force=True)
    assert received() == ids()


def test_a_round_ends_after_the_running_batch(forwarding):
    backend = forwarding(siem={"TARGET": MEMORY})
    log_events(3)
    backend.flush()
    sender = Sender("siem", {"TARGET": MEMORY, "BATCH_SIZE": 2}, backend.spool.directory)
    assert not sender.run(lambda: True)
    assert received() == ids()[:2]
    assert sender.run()
    assert received() == ids()


def test_a_state_that_cannot_be_stored_is_reported(forwarding, run, monkeypatch):
    backend = forwarding(siem={"TARGET": MEMORY})
    MemoryTarget.behaviours += ["fail"]
    log_events(1)
    backend.flush()

    def refuse(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(SendingState, "write", refuse)
        with pytest.raises(CommandError):
            run("run")
    run("run")
    assert received() == ids()


def test_a_health_check_fails_if_events_wait_too_long(forwarding, run):
    backend = forwarding(siem={"TARGET": MEMORY})
    run("status", "--max-age", "0")
    log_events(1)
    backend.flush()
    assert "waiting events    1" in run("status", "--max-age", "60")
    with pytest.raises(CommandError, match="siem: An event has waited for"):
        run("status", "--max-age", "0")


def test_a_queue_is_readable_by_its_owner_only(forwarding, run):
    backend = forwarding(siem={"TARGET": MEMORY})
    log_events(1)
    backend.flush()
    run("run")
    directory = backend.spool.directory / "forward" / "siem"
    assert {path.stat().st_mode & 0o077 for path in (directory, *directory.iterdir())} == {0}


def test_a_file_gets_each_event_as_a_line_with_the_names_of_ecs(forwarding, run, tmp_path, client):
    path = tmp_path / "events.json"
    backend = forwarding(siem={"TARGET": "file", "OPTIONS": {"path": path}})
    client.get("/no/such/page/?a=1", headers={"user-agent": "curl/8.1"})
    backend.flush()
    run("run")
    (line,) = path.read_text().splitlines()
    document = json.loads(line)
    assert document["event"]["id"] == ids()[0]
    assert document["event"]["outcome"] == "failure"
    assert document["http"]["response"]["status_code"] == 404
    assert document["url"] == {"path": "/no/such/page/", "query": "a=1"}
    assert document["client"]["ip"] == "127.0.0.1"
    assert document["user_agent"]["original"] == "curl/8.1"
    assert document["@timestamp"].endswith("+00:00")
    assert path.stat().st_mode & 0o077 == 0


def test_a_document_has_the_user_the_object_and_any_value_of_extra(tmp_path, anna):
    path = tmp_path / "events.json"
    events = [Record.build(anna, "A", [1, {"a": None}], obj=anna), Record.build(None, "B", "text")]
    sent = [Event(record.to_json()) for record in events]
    FileTarget(path=path, fsync=True).send(sent)
    first, second = map(json.loads, path.read_text().splitlines())
    assert first["user"] == {"id": str(anna.pk), "name": "anna"}
    assert first["eventlog"]["object"] == {
        "type": "auth.user",
        "id": str(anna.pk),
        "name": "anna",
    }
    assert first["eventlog"]["extra"] == [1, {"a": None}]
    assert second["eventlog"]["extra"] == "text"
    assert first["message"] == "anna A anna"


def test_an_event_without_a_uuid_has_the_same_id_each_time():
    line = Record.build(None, "A")._replace(uid="").to_json()
    assert Event(line).record.uid == ""
    assert Event(line).id == Event(line).id


def test_a_time_at_the_end_of_the_calendar_is_kept():
    record = Record.build(None, "A")._replace(timestamp=datetime.max.replace(tzinfo=UTC))
    assert Event(record.to_json()).moment.year == 9999


def test_a_file_starts_a_new_line_after_an_incomplete_line(forwarding, run, tmp_path):
    path = tmp_path / "events.json"
    path.write_text('{"torn')
    backend = forwarding(siem={"TARGET": "file", "OPTIONS": {"path": path}})
    log_events(1)
    backend.flush()
    run("run")
    _, whole = path.read_text().splitlines()
    assert json.loads(whole)["event"]["id"] == ids()[0]


def test_the_command_sends_one_event_as_a_test(forwarding, run, tmp_path):
    path = tmp_path / "events.json"
    forwarding(siem={"TARGET": "file", "OPTIONS": {"path": str(path)}})
    assert f"wrote to {path}" in run("test", "siem")
    assert json.loads(path.read_text())["event"]["action"] == "EVENTLOG_FORWARD_TEST"
    assert Log.objects.count() == 0


def test_the_command_reports_the_error_of_a_test(forwarding, run):
    forwarding(siem={"TARGET": MEMORY})
    MemoryTarget.behaviours += ["fail"]
    with pytest.raises(CommandError, match="siem: Unavailable: down"):
        run("test", "siem")
    with pytest.raises(CommandError, match=r"Unknown target 'x'. EVENTLOG\['FORWARD'\] has: siem"):
        run("test", "x")


def test_events_wait_for_a_target_with_a_wrong_option(forwarding, run):
    backend = forwarding(siem={"TARGET": "file", "OPTIONS": {"pth": "x"}})
    log_events(1)
    assert backend.flush()
    with pytest.raises(CommandError, match="does not accept"):
        run("run")
    backend = forwarding(siem={"TARGET": MEMORY})
    run("run")
    assert received() == ids()


def test_the_command_needs_a_spool(forwarding, settings):
    forwarding()
    settings.EVENTLOG = {}
    with pytest.raises(CommandError, match="DatabaseBackend has no spool"):
        call_command("eventlog_forward", "status")


def test_a_site_without_targets_has_no_queue(forwarding):
    backend = forwarding()
    log_events(1)
    backend.flush()
    assert not os.path.exists(backend.spool.directory / "forward")
