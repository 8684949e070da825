"""CPU time that each way of logging adds to a request of a whole site, until all rows are written.

The process runs the handler, the middleware of a usual site and the delivery thread. The variants
take turns. Figures are medians over the rounds, with minimum and maximum for ratios.
"""

import gc
import tempfile
import time
from statistics import median

from benchmarks.common import (
    DUMMY,
    HAND_WRITTEN_SITE,
    LOGGED_SITE,
    SITE,
    add_traffic_arguments,
    argument_parser,
    buffered,
    print_table,
    ratio,
    require,
    require_page,
    require_rows,
    setup,
    take_turns,
)


def variants(directory):
    """Return middleware, `EVENTLOG` and rows per request of each variant, by name."""
    return {
        "bare site": (SITE, {}, 0),
        "by hand": (HAND_WRITTEN_SITE, {}, 1),
        "ours, dummy": (LOGGED_SITE, DUMMY, 0),
        "ours, database": (LOGGED_SITE, {}, 1),
        "ours, buffered": (LOGGED_SITE, buffered(directory), 1),
    }


def microseconds(name, traffic, middleware, settings, rows):
    """Return CPU time and time until the response, in µs per request; check answers and rows."""
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import override_settings

    from benchmarks.traffic import fresh
    from eventlog.backends import get_backend
    from eventlog.models import Log

    def respond(environ):
        response = handler(environ, lambda *args: None)
        response.close()
        return response

    with override_settings(MIDDLEWARE=middleware, EVENTLOG=settings):
        handler = WSGIHandler()
        requests = [fresh(environ) for environ in traffic]
        # The first request starts the delivery thread and opens the connections.
        first = respond(fresh(traffic[0] | {"REQUEST_METHOD": "GET"}))
        require_page(name, first.status_code, first.content, "ok")
        get_backend().flush()
        time.sleep(0.2)
        before = Log.objects.count()
        gc.collect()
        cpu, wall = time.process_time(), time.perf_counter()
        good = sum(respond(environ).status_code == 200 for environ in requests)
        answered = time.perf_counter() - wall
        get_backend().flush()
        spent = time.process_time() - cpu
    require(good == len(requests), f"{name!r} answered {good} of {len(requests)} with status 200")
    require_rows(name, Log.objects.count() - before, rows * len(requests))
    return spent / len(traffic) * 1e6, answered / len(traffic) * 1e6


def main():
    """Measure all variants and print the table."""
    parser = argument_parser(__doc__, database="sqlite")
    add_traffic_arguments(parser, requests=5_000, rounds=7)
    args = parser.parse_args()
    teardown = setup(args.database)
    from django.test import override_settings

    from benchmarks.traffic import environs
    from eventlog.backends import get_backend

    traffic = environs(args.log, args.requests, path="/ok/")
    try:
        with tempfile.TemporaryDirectory() as directory:
            chosen = variants(directory)
            runs = {
                name: lambda name=name, variant=variant: microseconds(name, traffic, *variant)
                for name, variant in chosen.items()
            }
            took = take_turns(runs, args.rounds)
            with override_settings(EVENTLOG={}):
                get_backend()  # It closes the buffered backend, because its spool is deleted next.
    finally:
        teardown()
    cpu = {name: [each[0] for each in figures] for name, figures in took.items()}
    added = {
        name: [spent - bare for spent, bare in zip(figures, cpu["bare site"], strict=True)]
        for name, figures in cpu.items()
    }
    print_table(
        f"{args.database}, {len(traffic)} requests per round",
        ["", "µs of CPU", "added", "ratio to by hand", "µs until answered", "rows per request"],
        (
            [
                name,
                f"{median(cpu[name]):.0f}",
                f"{median(added[name]):.0f}",
                ratio(added[name], added["by hand"]),
                f"{median(wall for _, wall in took[name]):.0f}",
                chosen[name][2],
            ]
            for name in took
        ),
    )


if __name__ == "__main__":
    main()
