"""Time of each peer's own pages of events, compared with ours, on PostgreSQL.

The same events are in the table of each package, as far as it has columns for them. Each package
has processes, settings and a database (kept) of its own, because pinax-eventlog and this package
share an app label. The packages take turns. Milliseconds for the whole response, medians, and the
median of the ratios to ours in the same round. `--cpu` measures the CPU time of the process and of
its server process, without parallel queries, because other programs change it less. It needs Linux
and a server on the same machine. Packages that are not installed are left out: pinax-eventlog,
django-easy-audit, django-auditlog, django-request, drf-api-logger, django-observatory.

All pages belong to the admin, except for django-observatory, which has pages of its own. Its
dashboard is not compared, because it shows counters that the package keeps while it serves
requests. The package cannot compute these counters from stored requests.
"""

import argparse
import json
import os
import time
from datetime import UTC, datetime, timedelta
from operator import truediv
from pathlib import Path
from statistics import median

from benchmarks import seed
from benchmarks.common import (
    argument_parser,
    configure,
    is_installed,
    print_result,
    print_table,
    require,
    result_of_child,
    take_turns,
)
from benchmarks.review import LIST_TEXT, OVERVIEW_TEXT, measure, superuser_client
from benchmarks.review_peers_sides import SIDES
from benchmarks.rows import rows as event_rows

STATEMENT_TIMEOUT_SECONDS = 120
MIN_ROWS = 12_000
OVERVIEW_TEXTS = {  # of the other packages, by part of the address
    "by-status-code/": '"labels": [200',
    "by-day/": '{"x": ',
    "traffic/": '"data": [[',
    "overview/": "/shop/",  # the beginning of a seeded path
}
PAGES = [
    "list",
    "page 100",
    "an action or type",
    "a user",
    "server errors",
    "last 7 days",
    "search a user",
    "search an address",
    "with counts (facets)",
    "overview",
    "overview, chart",
]


def fill(connection, table, columns, rows):
    """Insert the events of benchmarks.seed, as far as the table has columns for them."""
    seed.prepare()
    made = seed.copy_lines(event_rows(rows))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS staging")
        cursor.execute(
            "CREATE UNLOGGED TABLE staging (n int GENERATED ALWAYS AS IDENTITY, timestamp"
            " timestamptz, action text, user_id int, user_repr text, content_type_id int,"
            " object_id text, object_repr text, is_request boolean, ip text, status int,"
            " own_keys text, extra jsonb)"
        )
        seed.copy(connection, made, "staging")
        cursor.execute(
            f"INSERT INTO {table} {columns} FROM staging,"
            " (SELECT id FROM django_content_type WHERE model = 'widget') AS kind ORDER BY n"
        )
        cursor.execute("DROP TABLE staging")
        cursor.execute("VACUUM ANALYZE")


def text_of(name, address):
    """Return a text that the page has only if it shows events."""
    if name == "ours" and "overview/" in address:
        return OVERVIEW_TEXT
    if name == "django-observatory":
        return "<time datetime="  # the cell of an event
    return next((text for part, text in OVERVIEW_TEXTS.items() if part in address), LIST_TEXT)


def cpu_clock(connection):
    """Return a clock of the CPU time of this process and of its server process, in seconds."""
    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")
        cursor.execute("SELECT pg_backend_pid()")
        server = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")
    return lambda: time.process_time() + int(server.read_text().split()[0]) / 1e9


def one(name, rows, times, once_above, cpu):
    """Print milliseconds and queries by page, in a process for this package."""
    _, apps, options, address, pages, table, columns = SIDES[name]
    os.environ["BENCHMARK_PEER"] = json.dumps([apps, options])
    configure("postgresql", "benchmarks.review_peers_settings")
    from urllib.parse import quote

    from django.core.management import call_command
    from django.db import connection

    key = "" if name == "ours" else f"{apps[0].replace('.', '_')}_"
    seed.use(f"eventlog_review_{key}{rows}")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {table})")
        if not cursor.fetchone()[0]:
            if name == "ours":
                seed.seed(connection, rows)
            else:
                fill(connection, table, columns, rows)
        cursor.execute(f"SELECT COUNT(*) FROM {table}")
        found = cursor.fetchone()[0]
        require(found >= rows, f"{table} has {found:,} rows, expected {rows:,}. Delete it.")
        cursor.execute("SET statement_timeout = %s", [STATEMENT_TIMEOUT_SECONDS * 1000])
    week = (datetime.now(UTC) - timedelta(days=7)).isoformat(" ", "seconds")
    facts = {"week": quote(week), "ip": address_of(rows)}
    if name == "ours":
        from eventlog.models import Log

        call_command("eventlog_count", verbosity=0)
        end = Log.objects.order_by("-timestamp", "-pk")[min(9899, rows - 1)]  # end of page 99
        facts["place"] = quote(f"{end.timestamp.isoformat()}~{end.pk}")
    pages = [(page, address + rest, text_of(name, rest)) for page, rest in pages.items()]
    clock = cpu_clock(connection) if cpu else time.perf_counter
    client = superuser_client()
    measured = measure(client, pages, times, facts, once_above=once_above, clock=clock)
    print_result(measured)


def address_of(rows):
    """Return an address that every table contains."""
    row = next(event_rows(rows))
    return json.loads(row[-1])["ip"]


def main():
    """Measure every package and print the table."""
    parser = argument_parser(__doc__, database=None)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=3, help="requests per page and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--most", type=float, default=3, help="seconds above which a page is requested once"
    )
    parser.add_argument("--cpu", action="store_true", help="measure CPU time")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.rows < MIN_ROWS:
        parser.error(f"--rows: give at least {MIN_ROWS:,}, because page 100 is one of the pages.")
    if args.one:
        one(args.one, args.rows, args.times, args.most, args.cpu)
    options = ["--rows", args.rows, "--times", args.times, "--most", args.most]
    options += ["--cpu"] if args.cpu else []

    def child(name):
        return lambda: result_of_child("benchmarks.review_peers", "--one", name, *options)

    runs = {name: child(name) for name, (package, *_) in SIDES.items() if is_installed(package)}
    found = take_turns(runs, args.rounds, warm_up=0)

    def cell(name, page):
        if page not in found[name][0]:
            return "-"
        took = [median(measured[page][0]) for measured in found[name]]
        if median(took) == float("inf"):
            return f"> {STATEMENT_TIMEOUT_SECONDS:,} s"
        factor = ""
        if name != "ours" and page in found["ours"][0]:
            own = [median(measured[page][0]) for measured in found["ours"]]
            factor = f" ({median(map(truediv, took, own)):.1f}x)"
        return f"{median(took):,.0f}{factor}"

    print_table(
        f"postgresql, {args.rows:,} rows, milliseconds{' of CPU' * args.cpu} (times ours),"
        f" medians of {args.rounds} rounds of {args.times} requests",
        ["page", *found],
        ([page, *(cell(name, page) for name in found)] for page in PAGES),
    )


if __name__ == "__main__":
    main()
