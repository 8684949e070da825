"""How long logging holds the event loop, request by request, with the buffered backend.

Beside it the dummy backend, which only throws away, in the same run: what the machine itself holds.
"""

import argparse
import asyncio
import gc
import tempfile
import time
from statistics import median

from benchmarks.cost import setup


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
        for number in range(args.requests):
            request = factory.get(f"/page/{number}", headers={"user-agent": f"x/{number % 500}"})
            if args.pause:
                await asyncio.sleep(args.pause)
            started = time.perf_counter()
            await middleware(request)
            held.append(time.perf_counter() - started - inside[0])
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
    print("| | median | 99 % | 99.9 % | longest | over 1 ms |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, figures in held.items():
        figures.sort()
        parts = [median(figures), *(figures[int(len(figures) * part)] for part in (0.99, 0.999))]
        micro = " | ".join(f"{seconds * 1e6:,.0f} µs" for seconds in parts)
        late = sum(1 for seconds in figures if seconds > 0.001)
        print(f"| {name} | {micro} | {figures[-1] * 1e3:.1f} ms | {late} |")


if __name__ == "__main__":
    main()
