"""Time for which logging a request occupies the event loop, with the buffered backend.

The dummy backend, which stores nothing, runs in turns with it and shows what the machine adds. The
last column counts the requests over 1 ms in which logging itself waited or computed. In the others
the kernel had given the core to another process.
"""

import asyncio
import gc
import resource
import tempfile
import time
from statistics import median

from benchmarks.common import (
    DUMMY,
    argument_parser,
    buffered,
    percentile,
    print_table,
    ratio,
    require,
    require_rows,
    setup,
    take_turns,
)

LATE_SECONDS = 0.001


async def occupied(count, pause):
    """Return seconds on the loop, and whether logging itself was late, for each request."""
    from django.http import HttpResponse
    from django.test import AsyncRequestFactory
    from django.urls import get_resolver

    from eventlog.middleware import EventLogMiddleware

    response = HttpResponse("ok")
    calls = 0

    async def view(request):
        nonlocal calls
        calls += 1
        return response

    middleware = EventLogMiddleware(view)
    _ = get_resolver().url_patterns  # A server has loaded the URL patterns before it serves.
    factory = AsyncRequestFactory()
    held = []
    # The first request of a process fills the caches and loads the tables of user agents.
    await middleware(factory.get("/", headers={"user-agent": "x/0"}))
    for number in range(count):
        request = factory.get(f"/page/{number}", headers={"user-agent": f"x/{number % 500}"})
        if pause:
            await asyncio.sleep(pause)
        before, computed = resource.getrusage(resource.RUSAGE_THREAD), time.thread_time()
        started = time.perf_counter()
        answer = await middleware(request)
        took = time.perf_counter() - started
        computed = time.thread_time() - computed
        waits = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before.ru_nvcsw
        held.append((took, waits > 0 or computed > LATE_SECONDS))
        require(answer is response, f"request {number} was answered with {answer!r}")
    require(calls == count + 1, f"the view was called {calls} times for {count + 1} requests")
    return held


def one_round(name, settings, rows, args):
    """Measure one backend and check the number of rows."""
    from django.test import override_settings

    from eventlog.backends import get_backend
    from eventlog.models import Log

    before = Log.objects.count()
    with override_settings(EVENTLOG=settings):
        held = asyncio.run(occupied(args.requests, args.pause))
        get_backend().flush()
    require_rows(name, Log.objects.count() - before, rows * (args.requests + 1))
    return held


def main():
    """Measure both backends and print the table."""
    parser = argument_parser(__doc__, database="sqlite")
    parser.add_argument("--requests", type=int, default=20_000, help="requests per round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--pause", type=float, default=0.0, help="seconds between requests; 0 keeps the loop busy"
    )
    args = parser.parse_args()
    teardown = setup(args.database)
    from django.test import override_settings

    from eventlog.backends import get_backend

    gc.collect()
    gc.freeze()  # Later collections then only look at objects of the requests.
    try:
        with tempfile.TemporaryDirectory() as directory:
            variants = {"dummy": (DUMMY, 0), "buffered": (buffered(directory), 1)}
            runs = {
                name: lambda name=name, variant=variant: one_round(name, *variant, args)
                for name, variant in variants.items()
            }
            rounds = take_turns(runs, args.rounds, warm_up=0)
            with override_settings(EVENTLOG={}):
                get_backend()  # It closes the buffered backend, because its spool is deleted next.
    finally:
        teardown()
    medians = {name: [median(s for s, _ in each) for each in held] for name, held in rounds.items()}
    lines = []
    for name, held in rounds.items():
        seconds = [took for each in held for took, _ in each]
        late = [own for each in held for took, own in each if took > LATE_SECONDS]
        shares = [median(seconds), percentile(seconds, 0.99), percentile(seconds, 0.999)]
        lines.append(
            [name]
            + [f"{share * 1e6:,.0f} µs" for share in shares]
            + [f"{max(seconds) * 1e3:.1f} ms", len(late), sum(late)]
            + [ratio(medians[name], medians["dummy"])]
        )
    print_table(
        f"{args.database}, {args.rounds} rounds of {args.requests:,} requests, "
        f"{args.pause * 1000:g} ms apart",
        ["", "median", "p99", "p99.9", "longest", "over 1 ms", "by logging", "ratio of medians"],
        lines,
    )


if __name__ == "__main__":
    main()
