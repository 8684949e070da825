"""The user agent parser is loaded by the first agent, not when the process starts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def site(*arguments):
    command = [sys.executable, "-m", "tests.metadata.lazy_site", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("interface", ["sync", "async"])
def test_parallel_first_requests_load_the_parser_once_and_record_their_agents(interface):
    found = site(interface)
    assert found["loaded"] == {"at start": [], "without an agent": []}
    assert len(found["imported in the main thread"]) == 1
    agents = [(event["browser"], event["device_type"]) for event in found["events"]]
    assert agents == [("Firefox 128.0", "pc")] * 8


def test_the_parser_is_not_loaded_on_the_event_loop():
    assert site("async")["imported in the main thread"] == [False]


def test_a_site_without_client_fields_never_loads_the_parser():
    found = site("sync", "ip", "path")
    assert len(found["events"]) == 8
    assert found["imported in the main thread"] == []
