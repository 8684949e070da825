"""The site served by gunicorn or uvicorn, under load from wrk, with each way of logging.

Requests a second and latencies as wrk sees them; rows stored against responses sent. In each round
the servers of all variants are started anew, as what a process happens to lie at in memory weighs
as much as what is measured; then they take turns, in an order of chance, seconds apart. Before a
turn counts, a server is under load for an interval of its deliveries; after it, all is delivered
before the next one begins. The ratios are medians over the rounds. Needs wrk.
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.backends import OURS, SITE

ROOT = Path(__file__).parent.parent
SERVERS = {
    # Its own kind of worker. Threads keep connections, and which worker happens to get how many of
    # them weighs more than all that is measured here.
    "gunicorn": ["gunicorn", "-w", "2", "-b", "127.0.0.1:{port}"],
    "uvicorn": ["uvicorn", "--log-level", "warning", "--no-access-log", "--port", "{port}"],
}
APPS = {"gunicorn": "benchmarks.served_site:wsgi", "uvicorn": "benchmarks.served_site:asgi"}
PATHS = {"gunicorn": "/ok/", "uvicorn": "/aok/"}
INTERVAL = 5  # seconds, from one delivery to the next
LATENCY = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def wrk(port, path, seconds, cookie=""):
    address = f"http://127.0.0.1:{port}{path}"
    said = subprocess.run(
        ["wrk", "-t1", "-c8", f"-d{seconds}s", "--latency", "-H", f"Cookie: {cookie}", address],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    latency = {
        name: float(value) * LATENCY[unit]
        for name, value, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)", said)
    }
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
    total = int(re.search(r"(\d+) requests in", said)[1])
    return rate, latency["50"], latency["99"], total


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="postgresql")
    parser.add_argument("--server", default="gunicorn", choices=SERVERS)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="variants, with ; between them")
    parser.add_argument("--path", help="/admin/login/ say; a view that does nothing without one")
    parser.add_argument("--user", action="store_true", help="as one who is logged in")
    args = parser.parse_args()
    path = args.path or PATHS[args.server]
    folder = tempfile.TemporaryDirectory()
    buffered = {
        "BACKEND": "eventlog.backends.buffered.BufferedBackend",
        "OPTIONS": {"spool": f"{folder.name}/spool"},
    }
    later = buffered | {"OPTIONS": {"spool": f"{folder.name}/later", "interval": None}}
    chosen = {
        "bare site": (SITE, {}),
        "by hand": (["benchmarks.cost.by_hand", *SITE], {}),
        "ours, database": (OURS, {}),
        "ours, dummy": (OURS, {"BACKEND": "eventlog.backends.dummy.DummyBackend"}),
        "ours, buffered": (OURS, buffered),
        "ours, delivered later": (OURS, later),
    }
    if args.only:
        if unknown := set(args.only.split(";")) - set(chosen):
            parser.error(f"--only: {unknown} of {list(chosen)}")
        chosen = {name: chosen[name] for name in args.only.split(";")}
    elif args.server == "uvicorn":
        del chosen["by hand"]  # which would not be async
    os.environ |= {
        "EVENTLOG_TEST_DB": args.database,
        "DJANGO_SETTINGS_MODULE": "benchmarks.served_settings",
        "BENCHMARK_SQLITE": f"{folder.name}/db.sqlite3",
        "BENCHMARK_MIDDLEWARE": json.dumps(SITE),
        "BENCHMARK_EVENTLOG": "{}",
        "PYTHONPATH": str(ROOT),
    }
    import django

    from tests.faults import Process, free_port  # which reads the name of the database

    django.setup()
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client

    name = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    from eventlog.backends.buffered import BufferedBackend
    from eventlog.models import Log

    took, kept, cookie = {}, {}, ""
    if args.user:
        client = Client()
        client.force_login(User.objects.create_superuser("reader"))
        cookie = client.cookies.output(attrs=(), header="").strip()

    def serve(middleware, settings):
        port = free_port()
        server = [part.format(port=port) for part in SERVERS[args.server]]
        environment = os.environ | {
            "BENCHMARK_MIDDLEWARE": json.dumps(middleware),
            "BENCHMARK_EVENTLOG": json.dumps(settings),
            "BENCHMARK_DATABASE": name,
        }
        command = [sys.executable, "-m", *server, APPS[args.server]]
        return Process(command, environment).listens(port), port

    def turn(port):
        """The figures, and the rows that came of each response."""
        before = Log.objects.count()
        warmed = wrk(port, path, INTERVAL, cookie)[3]
        rate, p50, p99, total = wrk(port, path, args.seconds, cookie)
        for it in (buffered, later):  # whoever delivers it now: it counts no more
            BufferedBackend(**it["OPTIONS"] | {"interval": None}).settle(3 * INTERVAL)
        # The last ones were sent, but wrk had gone before they were answered.
        return (rate, p50, p99), (Log.objects.count() - before) / (warmed + total)

    try:
        for number in range(args.rounds):
            # How dicts are laid out weighs as much.
            os.environ["PYTHONHASHSEED"] = str(number + 1)
            servers = {variant: serve(*of_it) for variant, of_it in chosen.items()}
            try:
                for variant in random.sample(list(servers), len(servers)):
                    figures, rows = turn(servers[variant][1])
                    took.setdefault(variant, []).append(figures)
                    kept.setdefault(variant, []).append(rows)
            finally:
                for server, _port in servers.values():
                    server.stop(signal.SIGTERM)
                    server.output.close()
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)
        folder.cleanup()
    bare = took["bare site"]
    print(f"\n{args.server}, {path}, {args.database}, {args.rounds} rounds of {args.seconds} s\n")
    print("| | requests/s | of bare | p50 ms | p99 ms | p99 of bare | rows a response |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for variant in chosen:
        figures = took[variant]
        rate, p50, p99 = (median(column) for column in zip(*figures, strict=True))
        faster = median(a[0] / b[0] for a, b in zip(figures, bare, strict=True))
        later = median(a[2] / b[2] for a, b in zip(figures, bare, strict=True))
        print(
            f"| {variant} | {rate:.0f} | {faster:.2f} | {p50:.2f} | {p99:.2f} | {later:.2f} "
            f"| {median(kept[variant]):.3f} |"
        )


if __name__ == "__main__":
    main()
