import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.once


def test_the_package_works_without_what_windows_does_not_have():
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": ""}
    command = [sys.executable, "-m", "tests.portable"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
