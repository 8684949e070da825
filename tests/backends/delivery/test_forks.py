import ctypes
import os
import threading

import pytest
from django.db import connections

from eventlog.backends.buffered import BufferedBackend
from eventlog.backends.delivery import forks
from eventlog.models import log
from eventlog.records.record import Record

from ..support import actions, closing, files, in_thread, needs_server
from .held import TIMEOUT, HeldDelivery

pytestmark = pytest.mark.django_db(transaction=True)


class Aware:
    """A backend that records the calls around a fork."""

    def __init__(self, *, pauses=True):
        self.pauses = pauses
        self.calls = []
        forks.backends.add(self)

    def pause(self, timeout):
        self.calls.append("pause")
        return self.pauses

    def resume(self):
        self.calls.append("resume")

    def reset_after_fork(self):
        self.calls.append("reset")


def exit_code_of_child(in_child):
    """Fork; return the exit code of a child that exits with ``in_child()``."""
    child = os.fork()
    if not child:
        code = 99
        try:
            code = in_child()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_fork_pauses_the_parent_and_resets_the_child():
    aware = Aware()
    assert exit_code_of_child(lambda: aware.calls != ["pause", "reset"]) == 0
    assert aware.calls == ["pause", "resume"]


def test_a_backend_that_was_not_paused_is_not_resumed():
    aware = Aware(pauses=False)
    assert exit_code_of_child(lambda: aware.calls != ["pause", "reset"]) == 0
    assert aware.calls == ["pause"]


def test_a_fork_outside_python_is_detected():
    """UWSGI forks in C, after it has loaded the site."""
    aware = Aware()
    child = ctypes.PyDLL(None).fork()
    if not child:
        forks.detect_fork()
        forks.detect_fork()
        os._exit(aware.calls != ["reset"])
    assert os.waitpid(child, 0)[1] == 0
    forks.detect_fork()
    assert aware.calls == []


def test_threads_that_fork_at_the_same_time_resume_only_what_they_paused():
    class ForkingAware(Aware):
        def pause(self, timeout):
            self.calls.append("pause")
            if len(self.calls) > 1:
                return False  # the other fork has paused it
            in_thread(lambda: exit_code_of_child(lambda: 0))
            return True

    aware = ForkingAware()
    assert exit_code_of_child(lambda: 0) == 0
    assert aware.calls == ["pause", "pause", "resume"]


class HeldBackend(BufferedBackend):
    """A backend whose segments each end when a fork begins."""

    def make_delivery(self, spool):
        self.held = HeldDelivery(spool)
        return self.held

    def pause(self, timeout):
        self.held.may_end.set()
        return super().pause(timeout)


def test_no_process_forks_during_a_delivery(tmp_path):
    """A child must not inherit an open connection to the database."""
    backend = HeldBackend(spool=tmp_path, interval=None)
    backend.flush()  # this round prunes old ids, which needs a query
    backend.write([Record.build(None, "X")])
    thread = threading.Thread(target=closing(backend.flush))
    thread.start()
    assert backend.held.began.wait(TIMEOUT)
    assert exit_code_of_child(lambda: len(backend.held.sent) != 1) == 0
    thread.join()
    backend.close()


def test_parent_and_child_share_no_file_after_a_fork_during_a_batch(backend):
    log(None, "PARENT")
    assert exit_code_of_child(lambda: log(None, "CHILD") is not None) == 0
    log(None, "PARENT")
    assert len(files(backend.spool, "*.jsonl")) == 2
    backend.flush()
    assert sorted(actions()) == ["CHILD", "PARENT", "PARENT"]


def test_a_child_forked_during_delivery_does_not_keep_the_segment(backend):
    log(None, "X")
    backend.spool.rotate()
    (segment,) = backend.spool.claim()
    go = os.pipe()
    child = os.fork()
    if not child:
        os.read(go[0], 1)
        os._exit(0)
    segment.release()
    backend.flush()
    os.write(go[1], b"x")
    os.waitpid(child, 0)
    assert actions() == ["X"]


@needs_server
def test_a_child_of_a_fork_outside_python_delivers_its_own_events(spooling, written, serving):
    backend = spooling(interval=3600.0, batch_size=1)
    log(None, "PARENT")
    assert written.wait(TIMEOUT)
    assert backend.pause(TIMEOUT)  # uWSGI forks while the site is idle
    connections.close_all()
    child = ctypes.PyDLL(None).fork()
    if not child:
        written.clear()
        log(None, "CHILD")
        os._exit(0 if written.wait(TIMEOUT) else 1)
    backend.resume()
    assert os.waitpid(child, 0)[1] == 0
    backend.close()
    assert actions() == ["PARENT", "CHILD"]
