"""A site with a custom user model, which needs another process."""

import os
import subprocess
import sys
from pathlib import Path


def test_users_of_a_custom_user_model_are_found(own_database):
    result = subprocess.run(
        [sys.executable, "-m", "tests.members.scenario"],
        cwd=Path(__file__).parents[2],
        env=os.environ
        | {"DJANGO_SETTINGS_MODULE": "tests.members.settings", "MEMBERS_DATABASE": own_database},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
