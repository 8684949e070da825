"""Pages and writing with monthly partitions, compared with one table of the same events.

The databases take turns in one run, on PostgreSQL. They are seeded if they are missing and kept.
`--fresh` seeds them again.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from benchmarks import review, seed
from benchmarks.common import (
    Spread,
    argument_parser,
    configure,
    print_table,
    require,
    require_rows,
    take_turns,
)

DAYS = 180
FLAT, MONTHS = "flat", "months"


def partition_by_months(connection, days: int) -> None:
    """Convert the empty table, and replace the first partition by one for each month."""
    from django.core.management import call_command

    from eventlog.partitions.catalog import read_partitions

    start = datetime.now(UTC) - timedelta(days=days + 1)
    if read_partitions(connection) is None:
        call_command("eventlog_partition", "--apply", verbosity=0)
        first = read_partitions(connection)[0]
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE eventlog_log DETACH PARTITION {first}")
            cursor.execute(f"DROP TABLE {first}")
    call_command("eventlog_partition", "--apply", f"--from={start:%Y-%m}", verbosity=0)
    require(len(read_partitions(connection)) > days // 31, "the months were not created")


def database_of(kind: str, rows: int) -> str:
    """Return the name of the database with one kind of table."""
    return f"eventlog_partitions_{kind}_{rows}"


def prepare(kind: str, rows: int, days: int, *, fresh: bool) -> None:
    """Connect to the database of this kind, and seed it if it is missing."""
    from django.core.management import call_command
    from django.db import connection

    from eventlog.models import Log

    name = database_of(kind, rows)
    if fresh:
        connection.close()
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name}")
    seed.use(name)
    if fresh or not Log.objects.exists():
        if kind == MONTHS:
            partition_by_months(connection, days)
        seed.seed(connection, rows, days)
        if kind == MONTHS:
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE eventlog_log")
    require(Log.objects.count() >= rows, f"{name} is not complete: use --fresh")
    call_command("eventlog_count", verbosity=0)


def write_batches(count: int, size: int) -> float:
    """Deliver batches and return the seconds."""
    from uuid import uuid4

    from eventlog.backends.sql import delivered
    from eventlog.models import Log
    from eventlog.records.record import Record

    def refuse(_id, rejected):
        require(not rejected, f"{len(rejected)} rows were rejected")

    last = Log.objects.latest("timestamp").pk
    facts = {"path": "/a/", "method": "GET", "status": 200, "duration_ms": 7.1}
    lines = [Record.build(None, f"GET_{n % 40}", facts).to_json() for n in range(size)]
    started = time.perf_counter()
    for _ in range(count):
        delivered.deliver(uuid4().hex, lambda: [lines], "default", refuse)
    took = time.perf_counter() - started
    newest = datetime.now(UTC) - timedelta(hours=1)
    written = Log.objects.filter(pk__gt=last, timestamp__gt=newest).count()
    require_rows("delivery", written, count * size)
    return took


def write_one_by_one(count: int) -> float:
    """Call log() and return the seconds."""
    from eventlog.models import log

    started = time.perf_counter()
    for n in range(count):
        require(log(None, f"ONE_{n % 40}", {"path": "/a/"}) is not None, "log() did not write")
    return time.perf_counter() - started


def connect(rows: int) -> dict[str, Any]:
    """Return an open connection to each database, of which `activate` chooses one."""
    from copy import deepcopy

    from django.db import connections

    found = {}
    for kind in (FLAT, MONTHS):
        settings = deepcopy(connections["default"].settings_dict)
        settings["NAME"] = database_of(kind, rows)
        found[kind] = type(connections["default"])(settings, "default")
    return found


def activate(connection: Any) -> None:
    """Use this connection for all queries."""
    from django.contrib.contenttypes.models import ContentType
    from django.db import connections

    connections["default"] = connection
    ContentType.objects.clear_cache()


def compare_pages(rows: int, pages, rounds: int, times: int) -> list[list[object]]:
    """Return a line for each page. The databases take turns at each page, seconds apart."""
    databases = connect(rows)
    clients, facts = {}, {}
    for kind, connection in databases.items():
        activate(connection)
        clients[kind], facts[kind] = review.superuser_client(), review.known()
    lines = []
    for page in pages:
        took: dict[str, list[float]] = {FLAT: [], MONTHS: []}
        for _ in range(rounds):
            for kind, connection in databases.items():
                activate(connection)
                found = review.measure(clients[kind], [page], times, facts[kind], warm_up=1)
                ((figures, queries),) = found.values()
                took[kind].append(median(figures))
        flat, months = took[FLAT], took[MONTHS]
        ratios = Spread.of(b / a for a, b in zip(flat, months, strict=True))
        lines.append(
            [page[0], queries, f"{median(flat):.1f}", f"{median(months):.1f}", ratios.show()]
        )
    return lines


def compare(rows: int, run: Callable[[], float], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of `run` in each database, which take turns."""
    from eventlog.models import Log

    databases = connect(rows)

    def within(kind: str) -> float:
        activate(databases[kind])
        last, start = Log.objects.latest("timestamp").pk, datetime.now(UTC)
        took = run()
        # The pages of the next run must find the seeded events.
        Log.objects.filter(pk__gt=last, timestamp__gte=start)._raw_delete("default")
        return took

    return take_turns({kind: lambda kind=kind: within(kind) for kind in (FLAT, MONTHS)}, rounds)


def main():
    """Measure pages and writing in both databases and print the tables."""
    parser = argument_parser(__doc__, database=None)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=3, help="requests per page and round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--without-writing", action="store_true", help="measure pages only")
    parser.add_argument("--fresh", action="store_true", help="seed the databases again")
    args = parser.parse_args()
    configure("postgresql")
    from django.test import override_settings

    for kind in (FLAT, MONTHS):
        prepare(kind, args.rows, DAYS, fresh=args.fresh)
    pages = [(name, address, review.text_of(name, address)) for name, address in review.PAGES]
    with override_settings(EVENTLOG={"REQUESTS": []}):
        lines = compare_pages(args.rows, pages, args.rounds, args.times)
    print_table(
        f"{args.rows:,} events of {DAYS} days, milliseconds, medians of {args.rounds} rounds",
        ["page", "queries", "one table", "months", "ratio"],
        lines,
    )
    if args.without_writing:
        return
    lines = []
    for name, run in (
        ("10 batches of 5,000 events", lambda: write_batches(10, 5000)),
        ("2,000 calls of log()", lambda: write_one_by_one(2000)),
    ):
        found = compare(args.rows, run, args.rounds)
        ratios = Spread.of(b / a for a, b in zip(found[FLAT], found[MONTHS], strict=True))
        lines.append(
            [name, f"{median(found[FLAT]):.2f}", f"{median(found[MONTHS]):.2f}", ratios.show()]
        )
    print_table("writing, seconds", ["", "one table", "months", "ratio"], lines)


if __name__ == "__main__":
    main()
