"""Importing the tables of other packages, with a kill in the middle of each import.

Rows are made with the models of the real packages. The process that imports them is killed with
SIGKILL, and started again. Then each event is compared with its row, field by field. The ratio
compares the rows per second with a loop over the rows that writes events without converting
anything. Needs the dependency group `packages`.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.common import (
    argument_parser,
    fail,
    is_installed,
    print_table,
    ratio,
    require,
    require_rows,
    setup,
    timed,
)

PACKAGES = ("auditlog", "axes", "drf_api_logger", "easyaudit", "request", "simple_history")
COMMAND = [sys.executable, "-m", "django", "eventlog_import"]
KILL_AT = 0.4  # of the rows
BULK = 2000  # rows


class Source(NamedTuple):
    """A table that is filled, and what its events must be."""

    name: str  # of the source
    table: str
    model: Any
    make: Callable[[int], Any]  # the row with this number
    expected: Callable[[int, Any], list[dict[str, Any]]]  # the events of a row


def main():
    """Import each table, and print a table with the rows per second."""
    parser = argument_parser(__doc__, database="sqlite")
    parser.add_argument("--rows", type=int, default=100_000, help="rows of each table")
    parser.add_argument("--only", help="only this source, such as easyaudit")
    args = parser.parse_args()
    for package in PACKAGES:
        require(is_installed(package), f"{package} is not installed.")
    teardown = setup(args.database, "benchmarks.importers_settings")
    try:
        from benchmarks import importers_rows

        sources = importers_rows.sources(args.rows)
        chosen = [each for each in sources if args.only in (None, each.name)]
        rows = [[each.table, *measure(each, args.rows)] for each in chosen]
    finally:
        teardown()
    print_table(
        f"{args.rows:,} rows of each table, killed once, {args.database}",
        ["table", "events", "killed after", "rows/s", "ratio to a bare loop", "peak memory"],
        rows,
    )


def measure(source, count):
    """Fill the table, import it with a kill, compare all events; return the figures."""
    from eventlog.models import Log

    for start in range(0, count, BULK):
        numbers = range(start, min(start + BULK, count))
        source.model.objects.bulk_create(source.make(number) for number in numbers)
    require_rows(source.table, source.model.objects.count(), count)
    bare = count / timed(lambda: bare_loop(source))
    Log.objects.all().delete()
    killed_after = import_and_kill(source, count)
    output, memory = import_rest(source)
    found = re.search(r": ([\d,]+) rows? became .*?, ([\d,]+) rows per second", output)
    require(found, f"unexpected output: {output}")
    rest, rate = (int(text.replace(",", "")) for text in found.groups())
    require_rows(f"{source.table} after the kill", rest, count - killed_after)
    events = compare(source)
    require_rows(source.table, Log.objects.count(), events)
    Log.objects.all().delete()
    source.model.objects.all().delete()
    print(f"{source.table}: {events:,} events are equal to {count:,} rows.", flush=True)
    relative = ratio([rate], [bare])
    return [f"{events:,}", f"{killed_after:,}", f"{rate:,}", relative, f"{memory:.0f} MB"]


def bare_loop(source):
    """Write an event for each row, with its time only."""
    from eventlog.contrib.importers.registry import SOURCES
    from eventlog.models import Log

    (table,) = [each for each in SOURCES[source.name].tables(None) if each.name == source.table]
    columns = {*table.columns, table.timestamp}
    rows = source.model.objects.order_by("pk").values(*columns).iterator(chunk_size=1000)
    events = []
    for row in rows:
        events.append(Log(action="COPIED", timestamp=row[table.timestamp], extra={}))
        if len(events) == 1000:
            Log.objects.bulk_create(events)
            events = []
    Log.objects.bulk_create(events)


def start(source):
    """Start the import in a process of its own."""
    environment = {**os.environ, **connection_environment()}
    arguments = [*COMMAND, source.name, "--final", f"--table={source.table}"]
    return subprocess.Popen(
        arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def connection_environment():
    """Return the variables that lead the process to the database of this one."""
    from django.db import connection

    name = str(connection.settings_dict["NAME"])
    return {"PGDATABASE": name, "MYSQL_DATABASE": name}


def import_and_kill(source, count):
    """Kill the import after a part of the rows; return the number of rows that it has imported."""
    from eventlog.contrib.importers.models import ImportedTable
    from eventlog.models import Log

    process = start(source)
    state = ImportedTable.objects.filter(name=source.table)
    while (state.values_list("rows", flat=True).first() or 0) < count * KILL_AT:
        if process.poll() is not None:
            fail(f"the import ended before it was killed: {process.stdout.read()}")
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    stored = state.get()
    require(stored.rows < count, "the import was complete before it was killed.")
    require_rows(f"{source.table} before the kill", Log.objects.count(), stored.events)
    return stored.rows


def import_rest(source):
    """Import the other rows; return the output, and the peak memory in MB."""
    process = start(source)
    memory = 0.0
    while process.poll() is None:
        memory = peak_memory(process.pid) or memory
        time.sleep(0.05)
    output = process.stdout.read()
    require(process.returncode == 0, output)
    return output, memory


def peak_memory(pid):
    """Return the peak memory of a process in MB; 0 if it has ended.

    Not ``ru_maxrss``, which includes the memory of the process that started it.
    """
    with open(f"/proc/{pid}/status") as status:
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read())
    return int(found[1]) / 1024 if found else 0.0


def compare(source):
    """Compare each event with the row that it comes from; return the number of events."""
    from eventlog.models import Log

    keys = source.model.objects.order_by("pk").values_list("pk", flat=True)
    events = Log.objects.order_by("pk").iterator(chunk_size=2000)
    number = 0
    uids = set()
    for at, key in enumerate(keys.iterator(chunk_size=2000)):
        for expected in source.expected(at, key):
            event = next(events)
            number += 1
            uids.add(event.uid)
            found = {name: getattr(event, name) for name in expected}
            require(found == expected, f"row {key}: {differences(found, expected)}")
    require(len(uids) == number, "two events have the same uid.")
    return number


def differences(found, expected):
    """Return the values that differ."""
    return "; ".join(
        f"{name} is {found[name]!r}, expected {expected[name]!r}"
        for name in expected
        if found[name] != expected[name]
    )


if __name__ == "__main__":
    main()
