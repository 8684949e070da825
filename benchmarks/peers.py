"""What the packages that do this job add to a request, each in a process of its own.

CPU time of the process until all is written, as in benchmarks.backends. Those that are not
installed are left out: django-easy-audit, django-request, drf-api-logger, django-requestlogs,
django-structlog and pinax-eventlog (whose app cannot stand beside ours).
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from statistics import median

from benchmarks.backends import OURS, SITE

BUFFERED = {"BACKEND": "eventlog.backends.buffered.BufferedBackend", "OPTIONS": {}}
REST = "benchmarks.peers_site.rest"
VIEW = "benchmarks.peers_site.plain"
# Name: package, view, middleware, settings.
VARIANTS = {
    "bare site": ("django", VIEW, SITE, {}),
    "by hand, objects.create()": ("django", VIEW, ["benchmarks.cost.by_hand", *SITE], {}),
    "ours, database": ("eventlog", VIEW, OURS, {}),
    "ours, buffered": ("eventlog", VIEW, OURS, {"EVENTLOG": BUFFERED}),
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


def one(name, database, requests, log):
    """Run in a process of its own: prints CPU and rows for a request."""
    _, view, middleware, options = VARIANTS[name]
    options = dict(options)
    os.environ["BENCHMARK_PEER"] = json.dumps({"view": view, "options": options})
    folder = tempfile.TemporaryDirectory()
    os.environ["BENCHMARK_SPOOL"] = folder.name
    from benchmarks.cost import setup

    teardown = setup(database, "benchmarks.peers_site")
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.db import connection

    from benchmarks.traffic import environs, fresh

    settings.MIDDLEWARE = middleware
    handler = WSGIHandler()
    traffic = environs(log, requests)
    for environ in traffic:
        environ["PATH_INFO"] = "/measured/"

    def run(traffic):
        for environ in traffic:
            response = handler(fresh(environ), lambda *args: None)
            assert response.status_code == 200, response.content
            response.close()

    drain = lambda: None  # noqa: E731
    if "EVENTLOG" in options:
        from eventlog.backends import get_backend

        drain = lambda: get_backend().flush()  # noqa: E731
    run(traffic[:300])
    drain()
    time.sleep(0.5)
    gc.collect()
    before = time.process_time()
    run(traffic)
    drain()
    if "drf_api_logger" in name or name.startswith("drf-api-logger"):
        time.sleep(12)  # its thread writes every ten seconds
    cpu = (time.process_time() - before) / len(traffic) * 1e6
    with connection.cursor() as cursor:
        tables = [t for t in connection.introspection.table_names() if t in TABLES]
        rows = 0
        for table in tables:
            cursor.execute(f"SELECT COUNT(*) FROM {table}")
            rows += cursor.fetchone()[0]
    print(json.dumps([cpu, rows / (len(traffic) + 300)]))
    sys.stdout.flush()
    try:
        teardown()
    finally:
        folder.cleanup()
        os._exit(0)  # some have threads that do not end, and keep their connections


TABLES = ("eventlog_log", "easyaudit_requestevent", "request_request", "drf_api_logs")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="postgresql")
    parser.add_argument("--log")
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        one(args.one, args.database, args.requests, args.log)
        return

    def there(package):
        try:
            return find_spec(package) is not None
        except ModuleNotFoundError:
            return False

    took = {name: [] for name, (package, *_) in VARIANTS.items() if there(package)}
    for _ in range(args.rounds):
        for name in took:
            command = [sys.executable, "-W", "ignore", "-m", "benchmarks.peers", "--one", name]
            command += ["--database", args.database, "--requests", str(args.requests)]
            if args.log:
                command += ["--log", args.log]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
                continue
            took[name].append(json.loads(done.stdout.strip().splitlines()[-1]))
    took = {name: figures for name, figures in took.items() if figures}
    cpu = {name: median(figure[0] for figure in figures) for name, figures in took.items()}

    def added(name):
        bare = "bare REST framework site" if "REST" in name else "bare site"
        return cpu[name] - cpu[bare]

    print(f"\n{args.database}, {args.requests} requests, medians of {args.rounds}\n")
    print("| | µs of CPU | added | against by hand | rows a request |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, figures in took.items():
        ratio = added(name) / added("by hand, objects.create()")
        rows = median(figure[1] for figure in figures)
        print(f"| {name} | {cpu[name]:.0f} | {added(name):.0f} | {ratio:.2f} | {rows:.2f} |")


if __name__ == "__main__":
    main()
