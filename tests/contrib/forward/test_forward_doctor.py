"""``manage.py eventlog_doctor`` names targets that do not get their events."""

import time

import pytest
from django.core.management import CommandError

from eventlog.backends.spool import Rejected
from eventlog.contrib.forward.forwarder import senders_of
from eventlog.diagnostics.registry import diagnose
from eventlog.diagnostics.site import Options, Site
from eventlog.models import log

from .targets import MemoryTarget

pytestmark = pytest.mark.django_db

MEMORY = {"TARGET": f"{MemoryTarget.__module__}.MemoryTarget", "INTERVAL": None}


@pytest.fixture
def target(forwarding):
    """The queue of a target for which an event waits."""
    backend = forwarding(siem=MEMORY)
    log(None, "X", durability="always")
    backend.flush()
    MemoryTarget.batches, MemoryTarget.behaviours = [], []
    (sender,) = senders_of({"siem": MEMORY}, backend.spool.directory)
    return sender


def findings(**options):
    results = diagnose(Site(Options(**options)), ["spool-*"])
    return {
        finding.id: finding
        for result in results
        for finding in result.findings
        if finding.level != "info"
    }


def test_nothing_is_wrong_while_an_event_waits_for_the_next_round(target):
    assert findings() == {}


@pytest.mark.parametrize(("failures", "level"), [(1, "warning"), (3, "problem")])
def test_a_target_that_fails_is_named_with_its_error(target, run, failures, level):
    MemoryTarget.behaviours = ["fail"] * failures
    for _ in range(failures):
        with pytest.raises(CommandError):
            run("run")
    (found,) = findings().values()
    assert (found.id, found.level) == ("target-failing.siem", level)
    assert "Unavailable: down" in found.message
    assert "eventlog_forward test siem" in found.fix


def test_a_target_for_which_events_wait_too_long_is_named(target, monkeypatch):
    later = time.time() + 900
    monkeypatch.setattr(time, "time", lambda: later)
    assert "has waited" in findings()["target-blocked.siem"].message


def test_dead_letters_of_a_target_are_named(target):
    target.queue.dead_letters.add("1-1-1", "", [Rejected("line", "reason")])
    assert "dead letters" in findings()["target-blocked.siem"].message


def test_events_of_a_removed_target_are_named(target, settings):
    settings.EVENTLOG = settings.EVENTLOG | {"FORWARD": {}}
    assert "delete the directory" in findings()["target-removed.siem"].fix
