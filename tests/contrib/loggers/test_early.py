"""Events that are logged before the apps are ready are written afterwards, or reported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.once


def run(what, count):
    """Return the events and the errors of the site."""
    command = [sys.executable, "-m", "tests.contrib.loggers.early_site", what, str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_they_are_written_when_the_first_request_begins_without_its_facts():
    events, errors = run("visit", 2)
    assert [event["action"] for event in events] == ["STARTING", "STARTING", "GET_HOME"]
    assert [event["extra"].get("number") for event in events] == [0, 1, None]
    assert [event["path"] for event in events] == ["", "", "/"]
    assert sorted(events, key=lambda event: event["time"]) == events
    assert errors == ""


def test_they_are_written_once_when_the_process_forks():
    events, errors = run("fork", 1)
    assert [event["action"] for event in events] == ["GET_HOME", "STARTING", "RUNNING"]
    assert errors == ""


def test_they_are_written_when_the_process_ends_and_too_many_are_counted():
    events, errors = run("end", 1001)
    assert [event["extra"]["number"] for event in events] == [*range(1000)]
    assert "1 event came after 1,000 others before the apps were ready" in errors


def test_they_are_reported_when_the_apps_are_never_ready():
    events, errors = run("fail", 2)
    assert events == []
    assert "2 events came before Django loaded its apps, and the apps were never loaded" in errors
