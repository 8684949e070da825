"""Nothing is lost for a target when a process is killed, and threads survive forks."""

import json
import os
import threading
from collections import Counter

import pytest

from eventlog.backends.spool import Spool
from eventlog.contrib.forward.event import Event
from eventlog.contrib.forward.file import FileTarget
from eventlog.contrib.forward.forwarder import Forwarder
from eventlog.contrib.forward.queue import TargetQueue
from eventlog.records.record import Record
from tests.backends.project import SETTINGS

from .targets import WaitedTarget

WAITED = "tests.contrib.forward.targets.WaitedTarget"

KILLING = """
import os, signal
from eventlog.contrib.forward.file import FileTarget

class KillingTarget(FileTarget):
    def send(self, events):
        answer = super().send(events)
        if len(events) > 1 and not os.path.exists("killed"):
            open("killed", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
"""


@pytest.fixture
def site(project):
    """A site that sends events to a file, in batches of three."""
    project.write("project.py", f"{SETTINGS}\nINSTALLED_APPS += ['eventlog.contrib.forward']\n")
    project.write("killing.py", KILLING)
    forward = {
        "TARGET": "killing.KillingTarget",
        "OPTIONS": {"path": str(project.directory / "out.json")},
        "BATCH_SIZE": 3,
        "INTERVAL": None,
    }
    configured = json.loads(project.env["PROJECT_EVENTLOG"])
    configured["OPTIONS"]["interval"] = None
    project.env["PROJECT_EVENTLOG"] = json.dumps({**configured, "FORWARD": {"out": forward}})
    return project


def sent(site):
    lines = (site.directory / "out.json").read_text().splitlines()
    return Counter(json.loads(line)["event"]["id"] for line in lines)


LOG_SEVEN = """
for number in range(7):
    log(None, "A", {"number": number})
"""


def test_a_process_that_is_killed_before_its_position_is_stored_repeats_one_batch(site):
    site.python(LOG_SEVEN)
    site.manage("eventlog_spool", "deliver")
    site.manage("eventlog_forward", "run", code=-9)
    site.manage("eventlog_forward", "run")
    assert sorted(sent(site).values()) == [1, 1, 1, 1, 2, 2, 2]
    assert "out: 0 events sent." in site.manage("eventlog_forward", "run")


def test_a_process_that_is_killed_between_queue_and_database_loses_and_repeats_nothing(site):
    (site.directory / "killed").touch()
    site.python(LOG_SEVEN + "os.kill(os.getpid(), signal.SIGKILL)", code=-9)
    site.python(
        """
        from eventlog.backends.delivery.segments import segment_receivers
        segment_receivers.append(lambda spool, segment: os.kill(os.getpid(), signal.SIGKILL))
        backend.flush()
        """,
        code=-9,
    )
    assert "out: 7 events sent." in site.manage("eventlog_forward", "run")
    assert site.actions() == []
    site.manage("eventlog_spool", "deliver")
    assert "out: 0 events sent." in site.manage("eventlog_forward", "run")
    assert site.actions() == ["A"] * 7
    assert [*sent(site).values()] == [1] * 7


def segments(spool):
    """Append an event and yield its complete segment."""
    spool.append(Record.build(None, "A").to_json(), "")
    spool.rotate()
    for segment in spool.claim():
        yield segment
        segment.remove()


@pytest.fixture
def spool(db, forwarding, serving):
    """The spool of a site whose target a test waits for."""
    WaitedTarget.sent.clear()
    WaitedTarget.released.set()
    return Spool(forwarding(siem={"TARGET": WAITED, "INTERVAL": 3600}).spool.directory)


@pytest.fixture
def forwarder():
    started = Forwarder()
    yield started
    WaitedTarget.released.set()
    started.close()


def receive(forwarder, spool):
    for segment in segments(spool):
        forwarder.receive(spool, segment)


def waiting(spool):
    return [*TargetQueue(spool.directory, "siem", 1).waiting()]


def test_a_thread_sends_when_a_segment_is_complete(forwarder, spool):
    for _ in range(2):
        WaitedTarget.sent.clear()
        receive(forwarder, spool)
        assert WaitedTarget.sent.wait(10)


def test_a_forked_child_starts_threads_of_its_own(forwarder, spool):
    receive(forwarder, spool)
    assert WaitedTarget.sent.wait(10)
    WaitedTarget.sent.clear()
    child = os.fork()
    if not child:
        receive(forwarder, Spool(spool.directory))
        os._exit(0 if WaitedTarget.sent.wait(10) else 1)
    assert os.waitpid(child, 0)[1] == 0
    receive(forwarder, spool)
    assert WaitedTarget.sent.wait(10)


def test_a_fork_waits_for_the_running_batch(forwarder, spool):
    WaitedTarget.released.clear()
    receive(forwarder, spool)
    assert WaitedTarget.sent.wait(10)
    assert not forwarder.pause(0.01)
    WaitedTarget.released.set()
    assert forwarder.pause(10)
    forwarder.resume()


def test_a_child_does_not_keep_the_lock_of_a_batch_that_hangs(forwarder, spool):
    WaitedTarget.released.clear()
    receive(forwarder, spool)
    assert WaitedTarget.sent.wait(10)
    queue = TargetQueue(spool.directory, "siem", 1)
    assert not queue.acquire()
    forwarder.reset_after_fork()
    assert queue.acquire()
    queue.release()


def test_a_process_that_ends_leaves_what_waits_to_the_next_one(forwarder, spool):
    receive(forwarder, spool)
    assert WaitedTarget.sent.wait(10)
    forwarder.close()
    assert waiting(spool) == []
    receive(forwarder, spool)
    assert len(waiting(spool)) == 1


def test_threads_of_earlier_settings_end(forwarder, spool, settings):
    earlier = {*threading.enumerate()}
    receive(forwarder, spool)
    assert WaitedTarget.sent.wait(10)
    before = {*threading.enumerate()} - earlier
    assert [thread.name for thread in before] == ["eventlog-siem"]
    settings.EVENTLOG = {**settings.EVENTLOG, "FORWARD": {"other": {"TARGET": WAITED}}}
    receive(forwarder, spool)
    for thread in before:
        thread.join(10)
    assert not any(thread.is_alive() for thread in before)


def test_a_thread_survives_an_unexpected_error(forwarder, spool, monkeypatch):
    raised = threading.Event()

    def fail(self):
        raised.set()
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(TargetQueue, "acquire", fail)
        receive(forwarder, spool)
        assert raised.wait(10)
    receive(forwarder, spool)
    assert WaitedTarget.sent.wait(10)


def test_a_thread_that_cannot_start_is_tried_again(forwarder, spool, monkeypatch):

    def refuse(self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        receive(forwarder, spool)
    receive(forwarder, spool)
    assert WaitedTarget.sent.wait(10)


def test_a_file_that_cannot_take_a_batch_has_no_part_of_it(tmp_path, monkeypatch):
    path = tmp_path / "out.json"
    target = FileTarget(path=path)
    path.write_text("{}\n")
    calls = []

    def full(descriptor, data):
        if calls:
            raise OSError(28, "No space left on device")
        calls.append(data)
        return real(descriptor, data[:10])

    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            target.send([Event(Record.build(None, "A").to_json())])
    assert path.read_text() == "{}\n"
