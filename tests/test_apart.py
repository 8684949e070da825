"""Events in a separate database: tests/apart.py with the settings of tests/apart_settings.py."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .pytest_command import PYTEST

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("migrates", ["own", "all"])
def test_events_work_in_a_separate_database(tmp_path, migrates):
    """Run them with a router that splits the tables, and with all tables in every database."""
    command = [sys.executable, *PYTEST, "--create-db"]
    done = subprocess.run(
        [*command, "--ds=tests.apart_settings", "tests/apart.py"],
        cwd=ROOT,
        env=os.environ | {"APART_FOLDER": str(tmp_path), "APART_MIGRATE": migrates},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
