"""What each way of logging adds to a request of a whole site, until all of it is written.

CPU time of the process: the handler, the middleware of a usual site, the background thread. The
variants take turns; the figures are medians over the rounds.
"""

import argparse
import gc
import tempfile
import time
from statistics import median

from benchmarks.cost import setup
from benchmarks.traffic import environs, fresh

SITE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
OURS = ["eventlog.middleware.EventLogMiddleware", *SITE]


def variants(folder):
    """Middleware and ``EVENTLOG`` of each variant, by name."""
    buffered = {
        "BACKEND": "eventlog.backends.buffered.BufferedBackend",
        "OPTIONS": {"spool": folder},
    }
    return {
        "bare site": (SITE, {}),
        "by hand": (["benchmarks.cost.by_hand", *SITE], {}),
        "ours, dummy": (OURS, {"BACKEND": "eventlog.backends.dummy.DummyBackend"}),
        "ours, database": (OURS, {}),
        "ours, buffered": (OURS, buffered),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="sqlite", help="sqlite, postgresql or mariadb")
    parser.add_argument("--log", help="an access log in combined format; made up without one")
    parser.add_argument("--requests", type=int, default=5_000, help="requests a round")
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    teardown = setup(args.database)
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import override_settings

    from eventlog.backends import get_backend
    from eventlog.models import Log

    traffic = environs(args.log, args.requests)
    for environ in traffic:
        environ["PATH_INFO"] = "/ok/"

    def one_round(middleware, settings):
        with override_settings(MIDDLEWARE=middleware, EVENTLOG=settings):
            handler = WSGIHandler()
            requests = [fresh(environ) for environ in traffic]
            # A process that has begun: its threads run, and have their connections.
            handler(fresh(traffic[0]), lambda *args: None).close()
            get_backend().flush()
            time.sleep(0.2)
            gc.collect()
            cpu, wall = time.process_time(), time.perf_counter()
            for environ in requests:
                handler(environ, lambda *args: None).close()
            answered = time.perf_counter() - wall
            get_backend().flush()
            return (time.process_time() - cpu) / len(traffic) * 1e6, answered / len(traffic) * 1e6

    took = {}
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        chosen = variants(folder)
        for number in range(args.rounds + 1):
            for name, (middleware, settings) in chosen.items():
                before = Log.objects.count()
                figures = one_round(middleware, settings)
                rows[name] = Log.objects.count() - before
                if number:
                    took.setdefault(name, []).append(figures)
        with override_settings(EVENTLOG={}):
            get_backend()
    teardown()
    bare = [cpu for cpu, _ in took["bare site"]]
    added = {
        name: [cpu - without for (cpu, _), without in zip(figures, bare, strict=True)]
        for name, figures in took.items()
    }
    print(f"\n{args.database}, {len(traffic)} requests a round\n")
    print("| | µs of CPU | added | against by hand | µs until answered | rows a request |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, figures in took.items():
        ratio = median(a / b for a, b in zip(added[name], added["by hand"], strict=True))
        cpu, wall = (median(column) for column in zip(*figures, strict=True))
        print(
            f"| {name} | {cpu:.0f} | {median(added[name]):.0f} | {ratio:.2f} | {wall:.0f} "
            f"| {rows[name] / len(traffic):.2f} |"
        )


if __name__ == "__main__":
    main()
