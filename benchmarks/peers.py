"""CPU time that comparable packages add to a request, each in a process of its own.

CPU time of the process until everything is written, as in benchmarks.backends. Packages that are
not installed are left out: django-easy-audit, django-request, drf-api-logger, django-requestlogs,
django-structlog and pinax-eventlog (whose app label is the same as ours).
"""

import argparse
import json
import os
import tempfile
import time
from statistics import median

from benchmarks.common import (
    HAND_WRITTEN_SITE,
    LOGGED_SITE,
    SITE,
    add_traffic_arguments,
    argument_parser,
    is_installed,
    print_result,
    print_table,
    ratio,
    require,
    require_page,
    result_of_child,
    setup,
    take_turns,
    timed,
)

BUFFERED = {"BACKEND": "eventlog.backends.buffered.BufferedBackend", "OPTIONS": {}}
REST = "benchmarks.peers_site.rest"
VIEW = "benchmarks.peers_site.plain"
WARM_UP_REQUESTS = 300
WRITER_INTERVAL_SECONDS = 12  # drf-api-logger's thread writes every ten seconds.
TABLES = ("eventlog_log", "easyaudit_requestevent", "request_request", "drf_api_logs")
# Name: package, view, middleware, settings.
VARIANTS = {
    "bare site": ("django", VIEW, SITE, {}),
    "by hand, objects.create()": ("django", VIEW, HAND_WRITTEN_SITE, {}),
    "ours, database": ("eventlog", VIEW, LOGGED_SITE, {}),
    "ours, buffered": ("eventlog", VIEW, LOGGED_SITE, {"EVENTLOG": BUFFERED}),
    "pinax-eventlog, log() in the view": (
        "pinax.eventlog",
        "benchmarks.peers_site.pinax",
        SITE,
        {"APPS": ["pinax.eventlog"]},
    ),
    "django-easy-audit": (
        "easyaudit",
        VIEW,
        [*SITE, "easyaudit.middleware.easyaudit.EasyAuditMiddleware"],
        {"APPS": ["eventlog", "easyaudit"]},
    ),
    "django-request": (
        "request",
        VIEW,
        [*SITE, "request.middleware.RequestMiddleware"],
        {"APPS": ["eventlog", "request"]},
    ),
    "bare REST framework site": ("rest_framework", REST, SITE, {}),
    "drf-api-logger (over REST framework)": (
        "drf_api_logger",
        REST,
        [*SITE, "drf_api_logger.middleware.api_logger_middleware.APILoggerMiddleware"],
        {"APPS": ["eventlog", "drf_api_logger"], "DRF_API_LOGGER_DATABASE": True},
    ),
    "django-requestlogs, null handler (over REST framework)": (
        "requestlogs",
        REST,
        [*SITE, "requestlogs.middleware.RequestLogsMiddleware"],
        {"APPS": ["eventlog", "requestlogs"]},
    ),
    "django-structlog, stores nothing": (
        "django_structlog",
        VIEW,
        [*SITE, "django_structlog.middlewares.RequestMiddleware"],
        {"APPS": ["eventlog", "django_structlog"]},
    ),
}


# Rows per request that a variant has to write: exactly, or at least one in total (None).
ROWS = dict.fromkeys(VARIANTS) | {
    "bare site": 0,
    "by hand, objects.create()": 1,
    "ours, database": 1,
    "ours, buffered": 1,
    "pinax-eventlog, log() in the view": 1,
    "bare REST framework site": 0,
    "django-requestlogs, null handler (over REST framework)": 0,
    "django-structlog, stores nothing": 0,
}


def stored_rows():
    """Return the number of rows in the tables of all packages."""
    from django.db import connection

    rows = 0
    with connection.cursor() as cursor:
        for table in set(connection.introspection.table_names()) & set(TABLES):
            cursor.execute(f"SELECT COUNT(*) FROM {table}")
            rows += cursor.fetchone()[0]
    return rows


def one(name, database, requests, log):
    """Print CPU time and rows per request, in a process for this variant."""
    _, view, middleware, options = VARIANTS[name]
    spool = tempfile.TemporaryDirectory()
    os.environ["BENCHMARK_PEER"] = json.dumps({"view": view, "options": options})
    os.environ["BENCHMARK_SPOOL"] = spool.name
    teardown = setup(database, "benchmarks.peers_site")
    try:
        result = cpu_and_rows(name, middleware, "EVENTLOG" in options, requests, log)
    finally:
        teardown()
        spool.cleanup()
    print_result(result)


def cpu_and_rows(name, middleware, is_buffered, requests, log):
    """Return CPU time in µs and rows, per request, after checking the answers."""
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler

    from benchmarks.traffic import environs, fresh

    settings.MIDDLEWARE = middleware
    handler = WSGIHandler()
    traffic = environs(log, requests, path="/measured/")

    def send_all(traffic):
        for environ in traffic:
            response = handler(fresh(environ), lambda *args: None)
            body = b'{"ok": true}' if environ["REQUEST_METHOD"] == "HEAD" else response.content
            require_page(name, response.status_code, body.replace(b" ", b""), '{"ok":true}')
            response.close()

    def drain():
        if is_buffered:
            from eventlog.backends import get_backend

            get_backend().flush()
        if name.startswith("drf-api-logger"):
            time.sleep(WRITER_INTERVAL_SECONDS)

    def run():
        send_all(traffic)
        drain()

    send_all(traffic[:WARM_UP_REQUESTS])
    drain()
    time.sleep(0.5)
    before = stored_rows()
    cpu = timed(run, time.process_time) / len(traffic) * 1e6
    rows = (stored_rows() - before) / len(traffic)
    expected = ROWS[name]
    require(
        rows > 0 if expected is None else rows == expected,
        f"{name!r} wrote {rows:.2f} rows per request, expected {expected or 'some'}",
    )
    return cpu, rows


def main():
    """Measure every installed package and print the table."""
    parser = argument_parser(__doc__, database="postgresql")
    add_traffic_arguments(parser, requests=3000, rounds=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        one(args.one, args.database, args.requests, args.log)
    options = ["--database", args.database, "--requests", args.requests]
    options += ["--log", args.log] if args.log else []

    def child(name):
        return lambda: result_of_child("benchmarks.peers", "--one", name, *options)

    runs = {name: child(name) for name, (package, *_) in VARIANTS.items() if is_installed(package)}
    took = take_turns(runs, args.rounds, warm_up=0)
    cpu = {name: [figure[0] for figure in figures] for name, figures in took.items()}

    def added(name):
        bare = "bare REST framework site" if "REST" in name else "bare site"
        return [spent - base for spent, base in zip(cpu[name], cpu[bare], strict=True)]

    hand = added("by hand, objects.create()")
    print_table(
        f"{args.database}, {args.requests} requests, medians of {args.rounds}",
        ["", "µs of CPU", "added", "ratio to by hand", "rows per request"],
        (
            [
                name,
                f"{median(cpu[name]):.0f}",
                f"{median(added(name)):.0f}",
                ratio(added(name), hand),
                f"{median(figure[1] for figure in figures):.2f}",
            ]
            for name, figures in took.items()
        ),
    )


if __name__ == "__main__":
    main()
