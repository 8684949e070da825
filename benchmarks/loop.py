"""How long logging holds the event loop, request by request, with the buffered backend."""

import argparse
import asyncio
import tempfile
import time
from statistics import median

from benchmarks.cost import setup


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="sqlite")
    parser.add_argument("--requests", type=int, default=20_000)
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
            started = time.perf_counter()
            await middleware(request)
            held.append(time.perf_counter() - started - inside[0])
        return sorted(held)

    with tempfile.TemporaryDirectory() as folder:
        options = {"spool": folder}
        with override_settings(
            EVENTLOG={
                "BACKEND": "eventlog.backends.buffered.BufferedBackend",
                "OPTIONS": options,
            }
        ):
            held = asyncio.run(run())
            get_backend().flush()
        with override_settings(EVENTLOG={}):
            get_backend()
    teardown()
    late = sum(1 for seconds in held if seconds > 0.001)
    print(f"{len(held):,} requests: median {median(held) * 1e6:.0f} µs, ", end="")
    print(f"99 % {held[int(len(held) * 0.99)] * 1e6:.0f} µs, ", end="")
    print(f"99.9 % {held[int(len(held) * 0.999)] * 1e6:.0f} µs, ", end="")
    print(f"longest {held[-1] * 1e3:.1f} ms; {late} longer than 1 ms")


if __name__ == "__main__":
    main()
