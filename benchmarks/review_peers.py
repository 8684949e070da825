"""How long the server takes for the pages of each peer's own admin, beside ours.

The same events in the table of each, as far as it has columns for them, on PostgreSQL; a process,
settings and a database (kept) for each, as pinax-eventlog and ours have one app label. Milliseconds
for the whole response, medians, and the factor to ours. Those not installed are left out:
pinax-eventlog, django-easy-audit, django-auditlog, django-request, drf-api-logger.
"""

import argparse
import json
import os
import subprocess
import sys
from importlib.util import find_spec

from benchmarks import seed
from benchmarks.review import measure, superuser_client

GIVEN_UP = 30  # seconds for one statement
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
QUIET = {f"DJANGO_EASY_AUDIT_WATCH_{what}_EVENTS": False for what in ("AUTH", "MODEL", "REQUEST")}
FACTS = "extra->>'ip', extra->>'method', extra->>'path'"
# Name: package, apps, settings, list, pages by what follows its address, table, how it is filled.
SIDES = {
    "ours": (
        "eventlog",
        ["eventlog"],
        {"EVENTLOG": {"REQUESTS": []}},
        "/admin/eventlog/log/",
        {
            "list": "",
            "page 100": "?older={place}",
            "an action or type": "?q=action:GET_SHOP_PRODUCT",
            "a user": "?q=user:user1",
            "server errors": "?q=status:5xx",
            "last 7 days": "?q=last:7d",
            "search a user": "?q=user7",
            "search an address": "?q=ip:{ip}",
            "with counts (facets)": "?pick=action",
            "overview": "overview/?period=30d",
            "overview, chart": "overview/?period=30d",  # the whole page again: it has all charts
        },
        "eventlog_log",
        None,
    ),
    "pinax-eventlog": (
        "pinax.eventlog",
        ["pinax.eventlog"],
        {},
        "/admin/eventlog/log/",
        {
            "list": "",
            "page 100": "?p=100",
            "an action or type": "?action=GET_SHOP_PRODUCT",
            "a user": "?user__exact=1",
            "last 7 days": "?timestamp__gte={week}",
            "search a user": "?q=user7",
            "search an address": "?q={ip}",
            "with counts (facets)": "?_facets=True",
        },
        "eventlog_log",
        "(user_id, timestamp, action, content_type_id, object_id, extra) SELECT"
        " user_id, timestamp, action, content_type_id, object_id::int, extra",
    ),
    "django-easy-audit": (
        "easyaudit",
        ["easyaudit"],
        QUIET,
        "/admin/easyaudit/requestevent/",
        {
            "list": "",
            "page 100": "?p=100",
            "an action or type": "?method=POST",
            "a user": "?user__id__exact=1",
            "last 7 days": "?datetime__gte={week}",
            "search a user": "?q=user7",
            "search an address": "?q={ip}",
            "with counts (facets)": "?_facets=True",
        },
        "easyaudit_requestevent",
        "(remote_ip, method, url, query_string, user_id, datetime)"
        f" SELECT {FACTS}, '', user_id, timestamp",
    ),
    "django-auditlog": (
        "auditlog",
        ["auditlog"],
        {},
        "/admin/auditlog/logentry/",
        {
            "list": "",
            "page 100": "?p=100",
            "an action or type": "?action__exact=2",
            "a user": "?actor__exact=1",
            "last 7 days": "?timestamp__gte={week}",
            "search a user": "?q=user7",
            "search an address": "?remote_addr__exact={ip}",
            "with counts (facets)": "?_facets=True",
        },
        "auditlog_logentry",  # each of its entries is about an object
        "(content_type_id, object_pk, object_id, object_repr, action, changes_text, changes,"
        " actor_id, cid, remote_addr, timestamp) SELECT kind.id, 1 + n % 19000, 1 + n % 19000,"
        " 'Widget ' || 1 + n % 19000, least(n % 7, 2), '', '{\"name\": [\"before\", \"after\"]}',"
        " user_id, extra->>'request_id', (extra->>'ip')::inet, timestamp",
    ),
    "django-request": (
        "request",
        ["request"],
        {},
        "/admin/request/request/",
        {
            "list": "",
            "page 100": "?p=100",
            "an action or type": "?method=POST",
            "a user": "?user=1",
            "server errors": "?response__gte=500",
            "last 7 days": "?time__gte={week}",
            "search an address": "?ip={ip}",
            "overview": "overview/",
            "overview, chart": "overview/traffic/?days=30",
        },
        "request_request",
        "(ip, method, path, response, time, is_secure, is_ajax, user_id, referer, user_agent,"
        " language) SELECT (extra->>'ip')::inet, extra->>'method', extra->>'path',"
        " coalesce((extra->>'status')::int, 200), timestamp, true, false, user_id,"
        " coalesce(extra->>'referer', ''), extra->>'ua', 'en'",
    ),
    "drf-api-logger": (
        "drf_api_logger",
        ["drf_api_logger"],
        {"DRF_API_LOGGER_DATABASE": True},
        "/admin/drf_api_logger/apilogsmodel/",
        {
            "list": "",
            "page 100": "?p=100",
            "an action or type": "?method=POST",
            "server errors": "?status_code__gte=500",
            "last 7 days": "?added_on__gte={week}",
            "search a user": "?q=user7",
            "search an address": "?client_ip_address__exact={ip}",
            "with counts (facets)": "?_facets=True",
            "overview": "chart-data/api-calls-by-status-code/",
            "overview, chart": "chart-data/api-calls-by-day/",
        },
        "drf_api_logs",
        "(client_ip_address, method, api, headers, body, response, status_code, execution_time,"
        f" added_on) SELECT {FACTS}, jsonb_build_object('USER_AGENT', extra->'ua', 'REFERER',"
        " extra->'referer')::text, '', '{\"ok\": true}', coalesce((extra->>'status')::int, 200),"
        " least(coalesce((extra->>'duration_ms')::numeric, 0) / 1000, 999), timestamp",
    ),
}


def fill(connection, table, columns, rows):
    """The events of benchmarks.seed, as far as this table has columns for them."""
    seed.prepare()
    made = seed.copy_lines(seed.rows(rows))
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS staging")
        cursor.execute(
            "CREATE UNLOGGED TABLE staging (n int GENERATED ALWAYS AS IDENTITY, timestamp"
            " timestamptz, action text, user_id int, user_repr text, content_type_id int,"
            " object_id text, object_repr text, extra jsonb)"
        )
        seed.copy(connection, made, "staging")
        cursor.execute(
            f"INSERT INTO {table} {columns} FROM staging,"
            " (SELECT id FROM django_content_type WHERE model = 'widget') AS kind ORDER BY n"
        )
        cursor.execute("DROP TABLE staging")
        cursor.execute("VACUUM ANALYZE")


def one(name, rows, times, most):
    """Run in a process of its own: prints milliseconds and queries by page."""
    _, apps, options, address, pages, table, columns = SIDES[name]
    os.environ["BENCHMARK_PEER"] = json.dumps([apps, options])
    seed.setup("postgresql", "benchmarks.review_peers_settings")
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
        cursor.execute("SET statement_timeout = %s", [GIVEN_UP * 1000])
    week = (seed.datetime.now(seed.UTC) - seed.timedelta(days=7)).isoformat(" ", "seconds")
    facts = {"week": quote(week), "ip": address_of(rows)}
    if name == "ours":
        from eventlog.models import Log

        call_command("eventlog_count", verbosity=0)
        end = Log.objects.order_by("-timestamp", "-pk")[9899]  # the last of page 99
        facts["place"] = quote(f"{end.timestamp.isoformat()}~{end.pk}")
    pages = [(page, address + rest) for page, rest in pages.items()]
    print(json.dumps(measure(superuser_client(), pages, times, facts, most=most)))
    sys.stdout.flush()
    os._exit(0)  # one has a thread that does not end


def address_of(rows):
    """An address that is in each of the tables."""
    row = next(iter(seed.rows(rows)))
    return json.loads(row[-1])["ip"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--most", type=float, default=3, help="seconds; slower pages: once")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        one(args.one, args.rows, args.times, args.most)
        return

    def there(package):
        try:
            return find_spec(package) is not None
        except ModuleNotFoundError:
            return False

    found = {}
    for name, (package, *_) in SIDES.items():
        if not there(package):
            continue
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.review_peers", "--one", name]
        command += ["--rows", str(args.rows), "--times", str(args.times)]
        command += ["--most", str(args.most)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
            continue
        found[name] = json.loads(done.stdout.strip().splitlines()[-1])

    def shown(name, page):
        if page not in found[name]:
            return "-"
        took, own = found[name][page][0], found["ours"].get(page)
        if took == float("inf"):
            return f"> {GIVEN_UP:,} s"
        factor = f" ({took / own[0]:.1f}x)" if own and name != "ours" else ""
        return f"{took:,.0f}{factor}"

    print(f"\npostgresql, {args.rows:,} rows, milliseconds (times ours), medians of {args.times}\n")
    print("| page | " + " | ".join(found) + " |")
    print("| --- |" + " ---: |" * len(found))
    for page in PAGES:
        print(f"| {page} | " + " | ".join(shown(name, page) for name in found) + " |")


if __name__ == "__main__":
    main()
