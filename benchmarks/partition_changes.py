"""Waits of writers while a table is converted into partitions, and while a month is dropped.

Events are written, users are updated and users are read at a constant rate, each on a connection of
its own. `convert` needs the database of benchmarks.partitions with one table and works on a copy.
`drop` drops a month of a database of its own, and deletes the next month by DELETE to compare.
"""

import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime

from benchmarks import seed
from benchmarks.common import argument_parser, configure, percentile, print_table, require
from benchmarks.partitions import FLAT, MONTHS, database_of, prepare

ACTION = "WRITTEN_MEANWHILE"


class Traffic(threading.Thread):
    """Calls `run` at a constant rate and keeps the milliseconds of each call."""

    def __init__(self, run, rate: float) -> None:
        super().__init__()
        self.took: list[float] = []
        self._run, self._rate, self._is_over = run, rate, threading.Event()

    def run(self) -> None:
        """Run until `stop` is called."""
        from django.db import connections

        due = time.perf_counter()
        while not self._is_over.is_set():
            due += 1 / self._rate
            time.sleep(max(0.0, due - time.perf_counter()))
            started = time.perf_counter()
            self._run()
            self.took.append((time.perf_counter() - started) * 1000)
        connections.close_all()

    def stop(self) -> None:
        """Stop and wait for the last call."""
        self._is_over.set()
        self.join()


def traffic(rate: float) -> dict[str, Traffic]:
    """Return the threads that write events, update users and read users."""
    from django.contrib.auth.models import User

    from eventlog.models import log

    user = User(pk=1)
    return {
        "write an event": Traffic(lambda: log(user, ACTION, {"path": "/a/"}), rate),
        "update a user": Traffic(
            lambda: User.objects.filter(pk=2).update(last_login=datetime.now(UTC)), rate / 5
        ),
        "read a user": Traffic(lambda: User.objects.get(pk=3), rate),
    }


def during(name: str, rate: float, run, lines: list) -> float:
    """Run `run` while there is traffic, add a line for each kind, and return its seconds."""
    from eventlog.models import Log

    start = datetime.now(UTC)
    threads = traffic(rate)
    for each in threads.values():
        each.start()
    time.sleep(2)
    started = time.perf_counter()
    run()
    seconds = time.perf_counter() - started
    time.sleep(1)
    for each in threads.values():
        each.stop()
    for kind, each in threads.items():
        figures = (percentile(each.took, 0.5), percentile(each.took, 0.99), max(each.took))
        lines.append([name, kind, len(each.took), *(f"{figure:.1f}" for figure in figures)])
    written = Log.objects.filter(action=ACTION, timestamp__gte=start).count()
    expected = len(threads["write an event"].took)
    require(written == expected, f"{written:,} events were written, expected {expected:,}")
    return seconds


def command(*arguments: str) -> None:
    """Run a management command in a process of its own."""
    from django.db import connection

    name = str(connection.settings_dict["NAME"])
    done = subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        env=os.environ | {"PGDATABASE": name},
        check=False,
    )
    require(done.returncode == 0, f"{arguments[0]} ended with status {done.returncode}")


def convert(rows: int, rate: float) -> None:
    """Convert a copy of the database with one table."""
    from django.db import connection

    from eventlog.models import Log

    prepare(FLAT, rows, 180, fresh=False)
    source, name = database_of(FLAT, rows), f"eventlog_partitions_converted_{rows}"
    connection.close()
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY file_copy")
    seed.use(name)
    before, lines = Log.objects.count(), []
    seconds = during(
        "conversion", rate, lambda: command("eventlog_partition", "--apply", "-v0"), lines
    )
    require(Log.objects.exclude(action=ACTION).count() >= before, "events are missing")
    print_waits(f"conversion of {before:,} events in {seconds:.0f} s", lines)
    connection.close()
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name}")


def drop(rows: int, rate: float) -> None:
    """Drop a month and delete another one, in a table of which a month has half the rows."""
    from django.db import connection

    from eventlog.models import Log
    from eventlog.partitions.catalog import read_partitions
    from eventlog.partitions.pruning import drop_months

    prepare(MONTHS, rows, 65, fresh=True)
    lines, titles = [], []
    oldest, dropped, deleted, *_ = read_partitions(connection)
    [*drop_months(oldest.upper)]  # it has a part of a month
    done = []
    seconds = during("drop", rate, lambda: done.extend(drop_months(dropped.upper)), lines)
    require(len(done) == 1, f"{len(done)} months were dropped")
    titles.append(f"{done[0].events:,} events dropped in {seconds:.2f} s")
    left = Log.objects.filter(timestamp__lt=dropped.upper)
    require(not left.exists(), "events of the dropped month are still there")
    # Of the same size, from the start of the next month on.
    end = deleted.upper
    old = Log.objects.filter(timestamp__lt=end).exclude(action=ACTION)
    count = old.count()

    def delete() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM eventlog_log WHERE timestamp < %s AND action <> %s", [end, ACTION]
            )

    seconds = during("DELETE", rate, delete, lines)
    titles.append(f"{count:,} events deleted by one DELETE in {seconds:.2f} s")
    print_waits("; ".join(titles), lines)


def print_waits(title: str, lines: list) -> None:
    """Print the milliseconds that each kind of traffic took."""
    print_table(title, ["while", "to", "calls", "median", "p99", "longest"], lines)


def main():
    """Measure one change."""
    parser = argument_parser(__doc__, database=None)
    parser.add_argument("change", choices=["convert", "drop"])
    parser.add_argument("--rows", type=int, default=2_200_000)
    parser.add_argument("--rate", type=float, default=100, help="events per second")
    args = parser.parse_args()
    configure("postgresql")
    {"convert": convert, "drop": drop}[args.change](args.rows, args.rate)


if __name__ == "__main__":
    main()
