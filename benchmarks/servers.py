"""Servers of the benchmark site: start, stop, request, CPU time and rows."""

import http.client
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.common import require, require_page

ROOT = Path(__file__).parent.parent
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
DELIVERY_TIMEOUT_SECONDS = 60
OUTPUT_LENGTH = 3_000  # characters of a server's output that an error message shows
SERVERS = {
    # Sync workers, because the distribution of kept connections over threads varies more than
    # the figures. gunicorn's limits are lifted, because both servers get the same requests.
    "gunicorn": [
        "gunicorn",
        "-w",
        "2",
        "-b",
        "127.0.0.1:{port}",
        "--limit-request-line",
        "0",
        "--limit-request-field_size",
        "65536",
        "--limit-request-fields",
        "32768",
        "benchmarks.served_site:wsgi",
    ],
    "uvicorn": [
        "uvicorn",
        "--log-level",
        "warning",
        "--no-access-log",
        "--port",
        "{port}",
        "benchmarks.served_site:asgi",
    ],
}
PATHS = {"gunicorn": "/ok/", "uvicorn": "/aok/"}  # sync and async view with the body "ok"


class Variant(NamedTuple):
    """One way to log: the site's `MIDDLEWARE` and `EVENTLOG`, and the rows per response."""

    middleware: list[str]
    eventlog: dict[str, Any]
    rows: int


def configure_served_site(database: str, directory: str, urlconf: str = "tests.urls") -> str:
    """Set up Django as the servers will, create the test database and return its name."""
    os.environ |= {
        "EVENTLOG_TEST_DB": database,
        "DJANGO_SETTINGS_MODULE": "benchmarks.served_settings",
        "BENCHMARK_SQLITE": f"{directory}/db.sqlite3",
        "BENCHMARK_URLCONF": urlconf,
        "BENCHMARK_MIDDLEWARE": "[]",
        "BENCHMARK_EVENTLOG": "{}",
        "PYTHONPATH": str(ROOT),
    }
    import django

    django.setup()
    from django.db import connection

    if database == "sqlite":  # A test database in memory would be invisible to the servers.
        connection.settings_dict["TEST"]["NAME"] = f"{directory}/db.sqlite3"
    return connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)


class Server:
    """A running server of the benchmark site."""

    def __init__(self, kind: str, variant: Variant, database: str) -> None:
        from tests.faults import Process, free_port  # reads the database's name when imported

        self.port = free_port()
        environment = os.environ | {
            "BENCHMARK_MIDDLEWARE": json.dumps(variant.middleware),
            "BENCHMARK_EVENTLOG": json.dumps(variant.eventlog),
            "BENCHMARK_DATABASE": database,
            # Under ASGI, Django's documentation asks for connections that are not kept:
            # https://docs.djangoproject.com/en/stable/ref/databases/#caveats
            "BENCHMARK_CONN_MAX_AGE": "0" if kind == "uvicorn" else "null",
        }
        arguments = [part.format(port=self.port) for part in SERVERS[kind]]
        self.process = Process([sys.executable, "-m", *arguments], environment)
        self.process.listens(self.port)

    def check_page(self, name: str, path: str, text: str, cookie: str = "") -> None:
        """Stop the benchmark if `path` has another status than 200 or lacks `text`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            # The first user agent of a process loads the user agent parser.
            headers = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}
            connection.request(
                "GET", path, headers=headers | ({"Cookie": cookie} if cookie else {})
            )
            response = connection.getresponse()
            require_page(f"{name}: {path}", response.status, response.read(), text)
        finally:
            connection.close()

    def require_rows(self, name: str, found: int, low: int, high: int) -> None:
        """Stop the benchmark, with the end of the server's output, unless `low` to `high` rows."""
        expected = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        require(
            low <= found <= high,
            f"{name!r} wrote {found:,} rows, expected {expected}. The output of the server ends "
            f"with:\n{self.process.read_output()[-OUTPUT_LENGTH:]}",
        )

    def cpu_seconds(self) -> float:
        """Return the CPU time of all processes of the server so far."""
        return sum(map(_cpu_seconds, _with_descendants(self.process.popen.pid)))

    def stop(self) -> None:
        """Stop the server and wait until its workers have ended."""
        try:
            self.process.stop(signal.SIGTERM)
        finally:
            self.process.end()


@contextmanager
def serving(kind: str, variants: dict[str, Variant], database: str) -> Iterator[dict[str, Server]]:
    """Start a server for each variant and stop all of them at the end."""
    servers: dict[str, Server] = {}
    try:
        for name, variant in variants.items():
            servers[name] = Server(kind, variant, database)
        yield servers
    finally:
        for server in servers.values():
            server.stop()


def deliver(server: Server, settings: dict[str, Any]) -> float:
    """Write what waits in the server's spool and return the CPU seconds that all processes spent.

    With `interval=None` the server never delivers, so this process's part does not count.
    """
    from eventlog.backends.buffered import BufferedBackend

    options = settings["OPTIONS"]
    started = server.cpu_seconds(), time.process_time()
    backend = BufferedBackend(**options | {"interval": None})
    delivered = backend.wait_until_delivered(DELIVERY_TIMEOUT_SECONDS)
    backend.close()
    require(
        delivered,
        f"{options['spool']} still holds events after {DELIVERY_TIMEOUT_SECONDS} s",
    )
    spent = server.cpu_seconds() - started[0]
    return spent if options.get("interval", 0) is None else spent + time.process_time() - started[1]


def database_cpu_seconds(name: str) -> float | None:
    """Return the CPU time that the local database server has spent, or None if it is not visible.

    PostgreSQL: the connections to the database `name`. MariaDB: the whole server.
    """
    from django.db import connection

    wanted = {"postgresql": ["postgres"], "mysql": ["mariadbd", "mysqld"]}.get(connection.vendor)
    found = [pid for pid in _pids() if wanted and _read(pid, "comm").strip() in wanted]
    if connection.vendor == "postgresql":
        found = [pid for pid in found if f" {name} " in _read(pid, "cmdline")]
    return sum(map(_cpu_seconds, found)) if found else None


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""  # The process has ended.


def _with_descendants(pid: int) -> list[int]:
    children = [int(child) for child in _read(pid, f"task/{pid}/children").split()]
    return [pid, *(each for child in children for each in _with_descendants(child))]


def _cpu_seconds(pid: int) -> float:
    """Return user and system time, ended children included: fields 14 to 17 of proc(5)."""
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS_PER_SECOND
