"""Time of the pages of each peer's own admin, compared with ours, on PostgreSQL.

The same events are in the table of each package, as far as it has columns for them. Each package
has a process, settings and a database (kept), because pinax-eventlog and this package share an app
label. Milliseconds for the whole response, medians, and the ratio to ours. Packages that are not
installed are left out: pinax-eventlog, django-easy-audit, django-auditlog, django-request,
drf-api-logger.
"""

import argparse
import json
import os
from datetime import UTC, datetime, timedelta
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
)
from benchmarks.review import LIST_TEXT, OVERVIEW_TEXT, measure, superuser_client
from benchmarks.review_peers_sides import SIDES
from benchmarks.rows import rows as event_rows

STATEMENT_TIMEOUT_SECONDS = 30
MIN_ROWS = 12_000
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
    """Return the text that shows that a page has the intended content."""
    if name == "ours" and "overview/" in address:
        return OVERVIEW_TEXT
    if "overview/" in address or "chart-data/" in address:
        return ""  # The formats differ between packages; only the status is checked.
    return LIST_TEXT


def one(name, rows, times, once_above):
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
    measured = measure(superuser_client(), pages, times, facts, once_above=once_above)
    print_result(measured)


def address_of(rows):
    """Return an address that every table contains."""
    row = next(event_rows(rows))
    return json.loads(row[-1])["ip"]


def main():
    """Measure every package and print the table."""
    parser = argument_parser(__doc__, database=None)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=5, help="requests per page")
    parser.add_argument(
        "--most", type=float, default=3, help="seconds above which a page is requested once"
    )
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.rows < MIN_ROWS:
        parser.error(f"--rows: give at least {MIN_ROWS:,}, because page 100 is one of the pages.")
    if args.one:
        one(args.one, args.rows, args.times, args.most)
    options = ["--rows", args.rows, "--times", args.times, "--most", args.most]
    found = {
        name: result_of_child("benchmarks.review_peers", "--one", name, *options)
        for name, (package, *_) in SIDES.items()
        if is_installed(package)
    }

    def cell(name, page):
        if page not in found[name]:
            return "-"
        took = median(found[name][page][0])
        if took == float("inf"):
            return f"> {STATEMENT_TIMEOUT_SECONDS:,} s"
        own = found["ours"].get(page)
        factor = f" ({took / median(own[0]):.1f}x)" if own and name != "ours" else ""
        return f"{took:,.0f}{factor}"

    print_table(
        f"postgresql, {args.rows:,} rows, milliseconds (times ours), medians of {args.times}",
        ["page", *found],
        ([page, *(cell(name, page) for name in found)] for page in PAGES),
    )


if __name__ == "__main__":
    main()
