"""Real servers under load, which the fault tests kill."""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

from .settings import DB

ROOT = Path(__file__).parent.parent
SECONDS = float(os.environ.get("EVENTLOG_FAULT_SECONDS", "4"))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def children(pid):
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


class Process:
    """A subprocess with its output, which ends with the test."""

    def __init__(self, command, env, **options):
        self.output = TemporaryFile()  # noqa: SIM115 (closed by end)
        self.popen = subprocess.Popen(
            [str(part) for part in command],
            env=env,
            cwd=ROOT,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )

    def listens(self, port):
        """Wait until the process accepts connections."""
        pause = threading.Event()
        while self.popen.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                pause.wait(0.05)
            else:
                return self
        raise AssertionError(self.read_output())

    def read_output(self):
        self.output.seek(0)
        return self.output.read().decode(errors="replace")

    def stop(self, how=signal.SIGTERM, seconds=40):
        if self.popen.poll() is None:
            self.popen.send_signal(how)
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(self.popen.pid, signal.SIGKILL)
                raise AssertionError(f"the process did not end: {self.read_output()}") from None
        return self.popen.returncode

    def end(self):
        """Kill the process and its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        self.output.close()


class Site:
    """The test site with its own database and spool."""

    def __init__(self, folder, database, **environment):
        self.spool = folder / "spool"
        self.processes = []
        self.env = os.environ | {
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "tests.fault_settings",
            "EVENTLOG_TEST_DB": DB,
            "FAULTS_DATABASE": json.dumps(database),
            **environment,
        }
        self.configure()

    def configure(self, backend="buffered.BufferedBackend", **options):
        settings = {
            "BACKEND": f"eventlog.backends.{backend}",
            "OPTIONS": {"spool": str(self.spool), "interval": 0.3} | options,
        }
        self.env["FAULTS_EVENTLOG"] = json.dumps(settings)

    def manage(self, *command):
        done = subprocess.run(
            [sys.executable, "-m", "django", *command],
            env=self.env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, command, **environment):
        process = Process(command, self.env | environment)
        self.processes.append(process)
        return process

    def gunicorn(self, *options):
        self.port = free_port()
        command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{self.port}", "-w", "4"]
        command += ["--graceful-timeout", "10", *options, "tests.fault_site:wsgi"]
        return self.start(command).listens(self.port)

    def uvicorn(self, *options):
        self.port = free_port()
        command = [sys.executable, "-m", "uvicorn", "--port", str(self.port), *options]
        return self.start([*command, "tests.fault_site:asgi"]).listens(self.port)

    def end(self):
        for process in self.processes:
            if not process.output.closed:
                process.end()

    def stored(self):
        """Return how often each request is in the database, by its number."""
        code = (
            "import json; from eventlog.models import Log; "
            "print(json.dumps([q for q in "
            "Log.objects.values_list('extra__query', flat=True) if q]))"
        )
        queries = json.loads(self.manage("shell", "-v0", "-c", code))
        return Counter(query.removeprefix("n=") for query in queries)

    def deliver(self):
        """Deliver the rest, as the next process does."""
        self.manage("eventlog_spool", "deliver")


class Load:
    """Numbered requests from several threads, and the numbers that were answered."""

    def __init__(self, site, path="/ok/", threads=6):
        self.site = site
        self.path = path
        self.answered = []
        self.sent = []
        self._stop = threading.Event()
        self._numbers = iter(range(10**9))
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        try:
            self.until(1)  # a server listens before its workers run
        except AssertionError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *args):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def pace(self, seconds):
        """Continue the load for so many seconds."""
        self._stop.wait(seconds)

    def until(self, count):
        """Continue the load until so many requests were answered."""
        deadline = time.monotonic() + 60
        while len(self.answered) < count:
            assert time.monotonic() < deadline, f"{len(self.answered)} answers in a minute"
            self.pace(0.01)

    def _run(self):
        while not self._stop.is_set():
            with self._lock:
                number = str(next(self._numbers))
                self.sent.append(number)
            connection = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=30)
            try:
                connection.request("GET", f"{self.path}?n={number}")
                response = connection.getresponse()
                response.read()
                assert response.status == 200
            except (OSError, http.client.HTTPException):
                self._stop.wait(0.02)  # no server listens at the moment
            else:
                self.answered.append(number)
            finally:
                connection.close()


def kill_a_worker(master):
    workers = children(master.popen.pid)
    if workers:
        os.kill(random.choice(workers), signal.SIGKILL)


def assert_nothing_lost_or_doubled(load, stored):
    """Assert that answered requests are stored once, and other sent requests at most once."""
    assert len(load.answered) > 20
    lost = set(load.answered) - set(stored)
    doubled = [number for number, count in stored.items() if count > 1]
    assert (len(lost), len(doubled)) == (0, 0)
    assert set(stored) <= set(load.sent)
