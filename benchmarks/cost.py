"""CPU time that the middleware and `log()` cost, compared with code written by hand.

The variants take turns. Figures are medians over the rounds, with minimum and maximum for ratios.
"""

import time
import uuid
from statistics import median

from benchmarks.common import (
    DUMMY,
    add_traffic_arguments,
    argument_parser,
    in_turns,
    print_table,
    ratio,
    require,
    require_rows,
    setup,
)


def by_hand(get_response):
    """Log a request as many sites do: the same fields, unparsed, with one `objects.create()`."""
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
    """Print what a request costs in the middleware alone."""
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
    check_middleware(ours, WSGIRequest(fresh(traffic[0])), match)

    def variant(name, middleware, rows, **settings):
        def run():
            requests = [WSGIRequest(fresh(environ)) for environ in traffic]
            for request in requests:
                request.resolver_match = match
            before = Log.objects.count()
            started = time.process_time()
            with override_settings(EVENTLOG=settings):
                for request in requests:
                    middleware(request)
            spent.append(time.process_time() - started)
            require_rows(name, Log.objects.count() - before, rows * len(traffic))

        spent = []
        run.spent = spent
        return run

    variants = {
        name: variant(name, middleware, rows, **settings)
        for name, middleware, rows, settings in (
            ("by hand, objects.create()", by_hand(bare), 1, {}),
            ("ours, database", ours, 1, {}),
            ("ours, without the INSERT", ours, 0, DUMMY),
            ("ours, ENABLED off", ours, 0, {"ENABLED": False}),
            ("no middleware", bare, 0, {}),
        )
    }
    in_turns(variants, args.rounds)
    Log.objects.all().delete()
    micros = {
        name: [seconds / len(traffic) * 1e6 for seconds in run.spent[1:]]
        for name, run in variants.items()
    }
    hand = micros["by hand, objects.create()"]
    print_table(
        f"The middleware alone, {len(traffic)} requests per round, µs of CPU per request",
        ["", "µs", "ratio to by hand"],
        ([name, f"{median(each):.1f}", ratio(each, hand)] for name, each in micros.items()),
    )


def check_middleware(middleware, request, match):
    """Stop the benchmark unless the middleware makes a complete event of a request."""
    from django.test import override_settings

    from eventlog.backends import locmem

    request.resolver_match = match
    with override_settings(EVENTLOG={"BACKEND": "eventlog.backends.locmem.LocMemBackend"}):
        middleware(request)
    events = list(locmem.outbox)
    locmem.outbox.clear()
    require(len(events) == 1, f"one request made {len(events)} events, expected 1")
    facts = {key: events[0].extra.get(key) for key in ("path", "view", "status")}
    expected = {"path": request.path[:2048], "view": "ok", "status": 200}
    require(facts == expected, f"a request was logged as {facts}, expected {expected}")


def log_table(args):
    """Print what a call of `log()` costs."""
    from django.contrib.auth.models import User
    from django.test import override_settings

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

    def off():
        with override_settings(EVENTLOG={"ENABLED": False}):
            ours()

    variants = {"objects.create()": hand, "log()": ours, "log(), ENABLED off": off}
    took = in_turns(variants, args.rounds)
    extras = Log.objects.filter(user=anna, action="PLACED_ORDER").values_list("extra", flat=True)
    written = sum(each == extra for each in extras)
    require_rows("objects.create() and log()", written, 2 * times * (args.rounds + 1))
    Log.objects.all().delete()
    base = took["objects.create()"]
    print_table(
        f"log(), {times} calls per round, µs of CPU per call",
        ["", "µs", "ratio to objects.create()"],
        (
            [name, f"{median(each) / times * 1e6:.1f}", ratio(each, base)]
            for name, each in took.items()
        ),
    )


def masking_table(args):
    """Print what masking costs, compared with encoding the same value as JSON."""
    import json

    from benchmarks.traffic import environs
    from eventlog.records.redaction import MASK, redact, redact_query

    order = {"order": 7, "items": ["a", "b"], "total": "12.50"}
    queries = [query for e in environs(args.log, 2_000) if (query := e["QUERY_STRING"])]
    prose = {"text": "The quick brown fox jumps over the lazy dog. " * 22_000}
    require(redact(order) == order, f"the extra {order} was masked")
    require(redact(prose) == prose, "the prose was masked")
    require(redact_query("a=1&token=x") == f"a=1&token={MASK}", "a token was not masked")
    cases = {
        "a small extra": (redact, [order] * 2_000),
        "query strings": (redact_query, queries),
        "1 MB of prose": (redact, [prose]),
    }
    lines = []
    for name, (mask, values) in cases.items():
        took = in_turns(
            {
                "masked": lambda mask=mask, values=values: [mask(value) for value in values],
                "encoded": lambda values=values: [json.dumps(value) for value in values],
            },
            args.rounds,
        )
        micros = median(took["masked"]) / len(values) * 1e6
        lines.append([name, f"{micros:.1f}", ratio(took["masked"], took["encoded"])])
    print_table("Masking, µs of CPU per value", ["", "µs", "ratio to json.dumps()"], lines)


def main():
    """Measure and print the three tables."""
    parser = argument_parser(__doc__, database="sqlite")
    add_traffic_arguments(parser, requests=10_000, rounds=7)
    args = parser.parse_args()
    teardown = setup(args.database)
    try:
        requests_table(args)
        log_table(args)
        masking_table(args)
    finally:
        teardown()


if __name__ == "__main__":
    main()
