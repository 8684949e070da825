"""Start of the demo shop: ``python3 run.py``, which needs nothing but Python.

The first start creates a virtual environment next to this file, installs the package and its demo
dependencies there, and fills the shop with a month of events.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (a message is clearer than a SyntaxError)
    sys.exit("The demo needs Python 3.11 or newer; this is " + sys.version.split()[0] + ".")

import argparse
import os
import signal
import socket
import subprocess
from pathlib import Path

SITE = Path(__file__).resolve().parent
PACKAGE = SITE.parent
ENVIRONMENT = SITE / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
INSTALLED = ENVIRONMENT / "installed"  # exists once everything is installed


def main() -> None:
    parser = argparse.ArgumentParser(description="Start the demo shop.")
    parser.add_argument(
        "--port",
        type=int,
        default=8000,
        help="the port, or the next free one after it (%(default)s)",
    )
    port = free_port(parser.parse_args().port)
    # SIGTERM raises SystemExit, so that the child process ends as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

    install()
    manage("migrate", "--verbosity=0")
    manage("fill", "--if-empty")
    print_now(
        f"""
  The shop      http://127.0.0.1:{port}/
  Its events    http://127.0.0.1:{port}/admin/
  Log in as     admin, password eventlog-demo
  Ctrl-C ends it.
"""
    )
    serve = [str(PYTHON), str(SITE / "manage.py"), "runserver", "--noreload", str(port)]
    if os.name == "nt":
        sys.exit(subprocess.call(serve))
    os.execv(serve[0], serve)  # noqa: S606 (the server replaces this process, so signals reach it)


def install() -> None:
    """Create the environment, unless it is newer than the package's requirements."""
    required = (PACKAGE / "pyproject.toml").stat().st_mtime
    if INSTALLED.exists() and INSTALLED.stat().st_mtime >= required:
        return
    print_now("Installing into", ENVIRONMENT)
    run(sys.executable, "-m", "venv", ENVIRONMENT)
    pip = (PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--upgrade", "pip>=25.1")  # the first version with dependency groups
    run(*pip, "--editable", ".", "--group", "demo")
    INSTALLED.touch()


def free_port(port: int) -> int:
    """Return the first free port from ``port`` on."""
    while True:
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            port += 1
        else:
            return port


def manage(*arguments: str) -> None:
    run(PYTHON, SITE / "manage.py", *arguments)


def run(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], cwd=PACKAGE)
    if done.returncode:
        sys.exit(done.returncode)


def print_now(*words: object) -> None:
    print(*words, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
