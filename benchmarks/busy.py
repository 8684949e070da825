"""Rate at which a process delivers its spool while other threads of the process never rest.

Events per second by the clock, compared with the same without such threads.
"""

import sys
import tempfile
import threading
import time
from statistics import median

from benchmarks.common import argument_parser, print_table, ratio, require, setup, take_turns
from benchmarks.request_event import check_table, empty, request_record

DELIVERY_TIMEOUT_SECONDS = 120


class BusyThread(threading.Thread):
    """A thread that computes until it is stopped, and counts its rounds."""

    def __init__(self, stop):
        super().__init__()
        self._stop_event = stop
        self.rounds = 0

    def run(self):
        """Compute without releasing the GIL voluntarily."""
        while not self._stop_event.is_set():
            sum(range(100))
            self.rounds += 1


def rate(threads, events):
    """Return the events per second delivered while `threads` threads compute."""
    from django.db import connection

    from eventlog.backends.buffered import BufferedBackend

    empty(connection)
    with tempfile.TemporaryDirectory() as directory:
        writer = BufferedBackend(spool=directory, interval=None)
        writer.write([request_record()] * events)
        writer.spool.rotate()
        stop = threading.Event()
        busy = [BusyThread(stop) for _ in range(threads)]
        for thread in busy:
            thread.start()
        backend = BufferedBackend(spool=directory, interval=0.1)
        try:
            started = time.perf_counter()
            backend.start()
            while waiting := backend.spool.size():
                took = time.perf_counter() - started
                require(
                    took < DELIVERY_TIMEOUT_SECONDS,
                    f"{waiting:,} bytes still wait in the spool after {took:.0f} s, "
                    f"with {threads} busy threads",
                )
                time.sleep(0.05)
            found = events / (time.perf_counter() - started)
        finally:
            stop.set()
            for thread in busy:
                thread.join()
        backend.close()
        writer.close()
    check_table(f"{threads} busy threads", events)
    require(all(thread.rounds for thread in busy), "a busy thread did not run")
    return found


def main():
    """Measure with each number of threads and print the table."""
    parser = argument_parser(__doc__, database="postgresql")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    teardown = setup(args.database)
    try:
        counts = [0, *args.threads]
        runs = {str(count): lambda count=count: rate(count, args.events) for count in counts}
        rates = take_turns(runs, args.rounds, warm_up=0)
    finally:
        teardown()
    interval = sys.getswitchinterval() * 1000
    print_table(
        f"{args.database}, {args.events:,} events, GIL switch interval {interval:.0f} ms",
        ["busy threads", "events/s", "ratio to no busy threads"],
        ([count, f"{median(each):,.0f}", ratio(each, rates["0"])] for count, each in rates.items()),
    )


if __name__ == "__main__":
    main()
