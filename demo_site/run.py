"""Start the demo shop: ``python3 run.py``, with nothing but Python.

The first start makes a virtual environment beside this file, installs the package and what the
demo needs into it, and fills the shop with a month of events.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (to say so is better than a SyntaxError)
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
INSTALLED = ENVIRONMENT / "installed"  # touched when all is in place


def main() -> None:
    parser = argparse.ArgumentParser(description="Start the demo shop.")
    parser.add_argument("--port", type=int, default=8000, help="or the next that is free")
    port = free_port(parser.parse_args().port)
    # To be told to stop ends also what was started here.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

    install()
    manage("migrate", "--verbosity=0")
    manage("fill", "--if-empty")
    say(
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
    os.execv(serve[0], serve)  # noqa: S606 (the server takes the place, and the signals, of this process)


def install() -> None:
    """Make the environment, unless it is there and as new as the package's requirements."""
    wanted = (PACKAGE / "pyproject.toml").stat().st_mtime
    if INSTALLED.exists() and INSTALLED.stat().st_mtime >= wanted:
        return
    say("Installing into", ENVIRONMENT)
    run(sys.executable, "-m", "venv", ENVIRONMENT)
    pip = (PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--upgrade", "pip>=25.1")  # the first that knows dependency groups
    run(*pip, "--editable", ".", "--group", "demo")
    INSTALLED.touch()


def free_port(port: int) -> int:
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


def say(*words: object) -> None:
    print(*words, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
