"""How long logging holds the event loop, request by request, with the buffered backend.

Beside it the dummy backend, which only throws away, in the same run: what the machine itself holds.
Of what took over a millisecond, the last column has what is logging's own doing: the loop waited
for another thread, or computed as long. In the rest the kernel had given its core to somebody else.
"""

import argparse
import asyncio
import gc
import resource
import tempfile
import time
from statistics import median

from benchmarks.cost import setup

LATE = 0.001  # seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="sqlite")
    parser.add_argument("--requests", type=int, default=20_000, help="a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--pause",
        type=float,
        default=0.0,
        help="seconds between two requests; a full loop has none",
    )
    args = parser.parse_args()
    teardown = setup(args.database)
    from django.http import HttpResponse
    from django.test import AsyncRequestFactory, override_settings
    from django.urls import get_resolver

    from eventlog.backends import get_backend
    from eventlog.middleware import EventLogMiddleware

    answered = HttpResponse("ok")
    inside = [0.0]

    async def view(request):
        started = time.perf_counter()
        inside[0] = time.perf_counter() - started
        return answered

    async def run():
        middleware = EventLogMiddleware(view)
        _ = get_resolver().url_patterns  # a server has loaded them when it comes to a view
        factory = AsyncRequestFactory()
        held = []
        await middleware(factory.get("/"))  # the first of a process finds nothing that is ready
        for number in range(args.requests):
            request = factory.get(f"/page/{number}", headers={"user-agent": f"x/{number % 500}"})
            if args.pause:
                await asyncio.sleep(args.pause)
            before, computed = resource.getrusage(resource.RUSAGE_THREAD), time.thread_time()
            started = time.perf_counter()
            await middleware(request)
            took = time.perf_counter() - started - inside[0]
            computed = time.thread_time() - computed
            waits = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before.ru_nvcsw
            held.append((took, waits > 0 or computed > LATE))
        return held

    gc.collect()
    gc.freeze()  # what there is to collect from now on is the requests' own
    held = {"dummy": [], "buffered": []}
    with tempfile.TemporaryDirectory() as folder:
        backends = {
            "dummy": {"BACKEND": "eventlog.backends.dummy.DummyBackend"},
            "buffered": {
                "BACKEND": "eventlog.backends.buffered.BufferedBackend",
                "OPTIONS": {"spool": folder},
            },
        }
        for _ in range(args.rounds):
            for name, options in backends.items():
                with override_settings(EVENTLOG=options):
                    held[name] += asyncio.run(run())
                    get_backend().flush()
        with override_settings(EVENTLOG={}):
            get_backend()
    teardown()
    print(f"\n{args.database}, {args.rounds} rounds of {args.requests:,} requests, ", end="")
    print(f"{args.pause * 1000:g} ms apart\n")
    print("| | median | 99 % | 99.9 % | longest | over 1 ms | our doing |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, requests in held.items():
        figures = sorted(took for took, _ours in requests)
        late = [ours for took, ours in requests if took > LATE]
        parts = [median(figures), *(figures[int(len(figures) * part)] for part in (0.99, 0.999))]
        micro = " | ".join(f"{seconds * 1e6:,.0f} µs" for seconds in parts)
        longest = f"{figures[-1] * 1e3:.1f} ms"
        print(f"| {name} | {micro} | {longest} | {len(late)} | {sum(late)} |")


if __name__ == "__main__":
    main()
