#!/usr/bin/env python3
"""Set up and run the tests with nothing but Python. Other arguments are passed to pytest."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts" if os.name == "nt" else "bin") / "python"

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, CHROMIUMS)), None)


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 (it is run before anything is installed)
        sys.exit(f"eventlog needs Python 3.11 or later; this is {sys.version.split()[0]}")
    environment = dict(os.environ)
    if "--database" in arguments:
        at = arguments.index("--database")
        environment["EVENTLOG_TEST_DB"] = arguments[at + 1]
        del arguments[at : at + 2]
    if not PYTHON.exists():
        venv.create(VENV, with_pip=True)
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True)
    groups = ["--group", "test"]
    if CHROMIUM is not None:  # the browser tests drive Chromium
        groups += ["--group", "browser"]
    subprocess.run([*pip, "--editable", ".", *groups], cwd=ROOT, check=True)
    # On all cores, with the tests of a module in one process.
    parallel = [] if "-n" in arguments else ["-n", "auto", "--dist", "loadfile"]
    return subprocess.run(
        [PYTHON, "-m", "pytest", *parallel, *arguments], cwd=ROOT, env=environment, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
