"""Throughput, latency and CPU time of the site under gunicorn or uvicorn, for each way of logging.

wrk makes the load. Every round starts new servers for all variants, because the memory layout of a
process changes its speed as much as logging does. The variants then take turns in random order. A
server is under load for one delivery interval before its turn counts, and everything is delivered
before the next turn. Ratios are medians over the rounds, with minimum and maximum.

CPU time per request depends much less on other load of the machine than requests per second do. It
includes the delivery of all events, except for "delivered later". The column "database CPU" has the
time of PostgreSQL's connections, or of the whole MariaDB server. Needs wrk.
"""

import os
import re
import shutil
import subprocess
import tempfile
from functools import partial
from statistics import median
from typing import NamedTuple

from benchmarks.common import (
    DUMMY,
    HAND_WRITTEN_SITE,
    LOGGED_SITE,
    SITE,
    argument_parser,
    buffered,
    fail,
    print_table,
    ratio,
    require,
    take_turns,
)
from benchmarks.servers import (
    PATHS,
    SERVERS,
    Variant,
    configure_served_site,
    database_cpu_seconds,
    deliver,
    serving,
)

INTERVAL_SECONDS = 5  # from one delivery to the next
CONNECTIONS = 8
MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
TEXTS = {  # a text that only the intended page has
    "/ok/": "ok",
    "/aok/": "ok",
    "/admin/login/": 'name="password"',
    "/admin/": "Site administration",
}


class Turn(NamedTuple):
    """Figures of one turn."""

    rate: float  # requests per second
    p50: float  # ms
    p99: float  # ms
    cpu: float  # µs per request, all processes of the server
    database_cpu: float | None  # µs per request
    rows: float  # per response


def wrk(name, port, path, seconds, cookie=""):
    """Return requests per second, p50 and p99 in ms, and the number of responses."""
    address = f"http://127.0.0.1:{port}{path}"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
    command += ["-H", f"Cookie: {cookie}", address]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for problem in ("Non-2xx or 3xx responses", "Socket errors"):
        require(problem not in output, f"wrk found errors of {name!r} at {path}:\n{output}")
    latency = {
        share: float(value) * MILLISECONDS[unit]
        for share, value, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)", output)
    }
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    total = re.search(r"(\d+) requests in", output)
    if rate is None or total is None or len(latency) < 2 or not int(total[1]):
        fail(f"wrk gave no figures for {name!r} at {path}:\n{output}")
    return float(rate[1]), latency["50"], latency["99"], int(total[1])


def measure(name, server, variant, args, database, cookie):
    """Return the figures of one turn, after checking the page, the statuses and the rows."""
    from eventlog.models import Log

    load = partial(wrk, name, server.port, args.path, cookie=cookie)
    before = Log.objects.count()
    server.check_page(name, args.path, args.contains, cookie)
    cpu, database_cpu = server.cpu_seconds(), database_cpu_seconds(database)
    warmed = load(seconds=INTERVAL_SECONDS)[3]
    rate, p50, p99, total = load(seconds=args.seconds)
    cpu = server.cpu_seconds() - cpu
    if "buffered" in variant.eventlog.get("BACKEND", ""):
        cpu += deliver(server, variant.eventlog)
    cpu = cpu / (warmed + total) * 1e6
    if database_cpu is not None and (now := database_cpu_seconds(database)) is not None:
        database_cpu = (now - database_cpu) / (warmed + total) * 1e6
    server.check_page(name, args.path, args.contains, cookie)
    if "buffered" in variant.eventlog.get("BACKEND", ""):
        deliver(server, variant.eventlog)
    responses = warmed + total + 2  # two of check_page
    rows = Log.objects.count() - before
    # wrk ends each run without waiting for the last response of each connection.
    most = responses + 2 * CONNECTIONS
    server.require_rows(name, rows, variant.rows * responses, variant.rows * most)
    return Turn(rate, p50, p99, cpu, database_cpu, rows / responses)


def choose_variants(parser, args, directory):
    """Return the variants that the arguments select, by name."""
    variants = {
        "bare site": Variant(SITE, {}, 0),
        "by hand": Variant(HAND_WRITTEN_SITE, {}, 1),
        "ours, database": Variant(LOGGED_SITE, {}, 1),
        "ours, dummy": Variant(LOGGED_SITE, DUMMY, 0),
        "ours, buffered": Variant(LOGGED_SITE, buffered(f"{directory}/spool"), 1),
        "ours, delivered later": Variant(
            LOGGED_SITE, buffered(f"{directory}/later", interval=None), 1
        ),
    }
    if args.only:
        names = args.only.split(";")
        if unknown := set(names) - set(variants):
            parser.error(f"--only: unknown variants {sorted(unknown)}. Use {list(variants)}.")
        if "bare site" not in names:
            parser.error("--only: add 'bare site', which the ratios compare with.")
        return {name: variants[name] for name in names}
    if args.server == "uvicorn":
        del variants["by hand"]  # The middleware written by hand is not async.
    return variants


def log_in():
    """Return the session cookie of a new superuser."""
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client()
    client.force_login(User.objects.create_superuser("reader"))
    return client.cookies.output(attrs=(), header="").strip()


def parse_arguments():
    """Return the parser and the arguments."""
    parser = argument_parser(__doc__, database="postgresql")
    parser.add_argument("--server", default="gunicorn", choices=SERVERS)
    parser.add_argument("--seconds", type=int, default=6, help="seconds per turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="variants, separated by ';'")
    parser.add_argument("--path", help="page to request (default: a view that does nothing)")
    parser.add_argument("--contains", help="text of that page, if it is not one of the known pages")
    parser.add_argument("--user", action="store_true", help="send the cookie of a logged-in user")
    parser.add_argument("--urlconf", default="tests.urls")
    args = parser.parse_args()
    args.path = args.path or PATHS[args.server]
    args.contains = args.contains or TEXTS.get(args.path)
    if not args.contains:
        parser.error("--contains: give a text that the page at --path contains.")
    if not shutil.which("wrk"):
        parser.error("wrk is not installed.")
    return parser, args


def main():
    """Measure all variants and print the table."""
    parser, args = parse_arguments()
    with tempfile.TemporaryDirectory() as directory:
        variants = choose_variants(parser, args, directory)
        database = configure_served_site(args.database, directory, args.urlconf)
        from django.db import connection

        def one_round(number):
            os.environ["PYTHONHASHSEED"] = str(number)  # The layout of dicts changes the speed.
            with serving(args.server, variants, database) as servers:
                runs = {
                    name: partial(measure, name, servers[name], variant, args, database, cookie)
                    for name, variant in variants.items()
                }
                return take_turns(runs, 1, warm_up=0, shuffled=True)

        try:
            cookie = log_in() if args.user else ""
            rounds = [one_round(number + 1) for number in range(args.rounds)]
        finally:
            connection.creation.destroy_test_db(database, verbosity=0)
    report(args, {name: [each[name][0] for each in rounds] for name in variants})


def report(args, turns):
    """Print the table."""
    columns = {
        name: {field: [getattr(turn, field) for turn in each] for field in Turn._fields}
        for name, each in turns.items()
    }
    bare = columns["bare site"]

    def line(name, of):
        visible = None not in of["database_cpu"]
        return [
            name,
            f"{median(of['rate']):.0f}",
            ratio(of["rate"], bare["rate"]),
            f"{median(of['p50']):.2f}",
            f"{median(of['p99']):.2f}",
            ratio(of["p99"], bare["p99"]),
            f"{median(of['cpu']):.0f}",
            ratio(of["cpu"], bare["cpu"]),
            f"{median(of['database_cpu']):.0f}" if visible else "n/a",
            f"{median(of['rows']):.3f}",
        ]

    print_table(
        f"{args.server}, {args.path}, {args.database}, {args.rounds} rounds of {args.seconds} s, "
        "ratios to the bare site, CPU time in µs per request",
        [
            "",
            "requests/s",
            "ratio",
            "p50 ms",
            "p99 ms",
            "ratio of p99",
            "server CPU",
            "ratio of CPU",
            "database CPU",
            "rows per response",
        ],
        [line(name, of) for name, of in columns.items()],
    )


if __name__ == "__main__":
    main()
