"""``outbox`` is empty when a test begins, with every test runner."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..pytest_command import PYTEST

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "runner",
    [
        ["-m", "django", "test", "tests.backends.outbox_cases", "--settings=tests.settings"],
        [
            "-m",
            "django",
            "test",
            "tests.backends.outbox_cases",
            "--settings=tests.settings",
            "--reverse",
        ],
        [*PYTEST, "tests/backends/outbox_cases.py"],
    ],
    ids=["django", "django reversed", "pytest"],
)
def test_no_event_leaks_into_the_next_test(runner):
    env = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    env |= {"PGDATABASE": "outbox", "MYSQL_DATABASE": "outbox"}
    command = [sys.executable, *runner]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Ran 6 tests" in done.stderr or "8 passed" in done.stdout
