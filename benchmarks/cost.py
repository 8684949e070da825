"""What logging costs a request, and a call of log(), beside what one would write by hand.

CPU time of the whole process, the variants in turns, medians over the rounds.
"""

import argparse
import gc
import os
import tempfile
import time
import uuid
from pathlib import Path
from statistics import median


def setup(database, settings="benchmarks.settings"):
    """Django on an empty database of its own; gives the function that takes it down again."""
    os.environ["EVENTLOG_TEST_DB"] = database
    os.environ["DJANGO_SETTINGS_MODULE"] = settings
    folder = tempfile.TemporaryDirectory()
    os.environ["BENCHMARK_SQLITE"] = str(Path(folder.name) / "benchmark.sqlite3")
    import django

    django.setup()
    from django.db import connection

    if database == "sqlite":
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        return folder.cleanup
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True)

    def teardown():
        connection.creation.destroy_test_db(name, verbosity=0)
        folder.cleanup()

    return teardown


def in_turns(variants, rounds):
    """Seconds of CPU that each variant took, by name, a figure for each round."""
    took = {name: [] for name in variants}
    for number in range(rounds + 1):  # the first is for warming up
        for name, run in variants.items():
            gc.collect()
            before = time.process_time()
            run()
            if number:
                took[name].append(time.process_time() - before)
    return took


def by_hand(get_response):
    """The middleware that many sites have: the same fields, raw, one objects.create()."""
    from eventlog.models import Log

    def middleware(request):
        started = time.perf_counter()
        response = get_response(request)
        user = getattr(request, "user", None)
        meta = request.META
        match = request.resolver_match
        Log.objects.create(
            user=user if user is not None and user.is_authenticated else None,
            action=f"{request.method}_{match.view_name.upper()}" if match else request.method,
            extra={
                "ip": meta["REMOTE_ADDR"],
                "method": request.method,
                "path": request.path,
                "query": meta["QUERY_STRING"],
                "route": match.route if match else "",
                "view": match.view_name if match else "",
                "status": response.status_code,
                "duration_ms": round((time.perf_counter() - started) * 1000, 1),
                "ua": meta.get("HTTP_USER_AGENT", ""),
                "referer": meta.get("HTTP_REFERER", ""),
                "request_id": uuid.uuid4().hex,
            },
        )
        return response

    return middleware


def requests_table(args):
    from django.core.handlers.wsgi import WSGIRequest
    from django.http import HttpResponse
    from django.test import override_settings
    from django.urls import resolve

    from benchmarks.traffic import environs, fresh
    from eventlog.middleware import EventLogMiddleware
    from eventlog.models import Log

    traffic = environs(args.log, args.requests)
    response = HttpResponse("ok")
    match = resolve("/ok/")

    def bare(request):
        return response

    ours = EventLogMiddleware(bare)

    def variant(middleware, **settings):
        def run():
            requests = [WSGIRequest(fresh(environ)) for environ in traffic]
            for request in requests:
                request.resolver_match = match
            started = time.process_time()
            with override_settings(EVENTLOG=settings):
                for request in requests:
                    middleware(request)
            spent.append(time.process_time() - started)

        spent = []
        run.spent = spent
        return run

    dummy = "eventlog.backends.dummy.DummyBackend"
    variants = {
        "by hand, objects.create()": variant(by_hand(bare)),
        "ours, database": variant(ours),
        "ours, without the INSERT": variant(ours, BACKEND=dummy),
    }
    in_turns(variants, args.rounds)
    Log.objects.all().delete()
    micros = {
        name: [seconds / len(traffic) * 1e6 for seconds in run.spent[1:]]
        for name, run in variants.items()
    }
    hand = micros["by hand, objects.create()"]
    print(f"\nThe middleware alone, {len(traffic)} requests a round, µs of CPU a request\n")
    print("| | µs | against the one by hand |\n| --- | ---: | ---: |")
    for name, figures in micros.items():
        ratio = median(a / b for a, b in zip(figures, hand, strict=True))
        print(f"| {name} | {median(figures):.0f} | {ratio:.2f} |")


def log_table(args):
    from django.contrib.auth.models import User

    from eventlog.models import Log, log

    anna = User.objects.create_user(f"anna-{uuid.uuid4().hex}")
    extra = {"order": 7, "items": ["a", "b"], "total": "12.50"}
    times = args.requests // 4

    def hand():
        for _ in range(times):
            Log.objects.create(user=anna, action="PLACED_ORDER", extra=dict(extra))

    def ours():
        for _ in range(times):
            log(anna, "PLACED_ORDER", extra)

    took = in_turns({"objects.create()": hand, "log()": ours}, args.rounds)
    Log.objects.all().delete()
    print(f"\nlog(), {times} calls a round, µs of CPU a call\n")
    print("| | µs | against objects.create() |\n| --- | ---: | ---: |")
    for name, figures in took.items():
        ratio = median(a / b for a, b in zip(figures, took["objects.create()"], strict=True))
        print(f"| {name} | {median(figures) / times * 1e6:.0f} | {ratio:.2f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="sqlite", help="sqlite, postgresql or mariadb")
    parser.add_argument("--log", help="an access log in combined format; made up without one")
    parser.add_argument("--requests", type=int, default=10_000, help="requests a round")
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    teardown = setup(args.database)
    try:
        requests_table(args)
        log_table(args)
    finally:
        teardown()


if __name__ == "__main__":
    main()
