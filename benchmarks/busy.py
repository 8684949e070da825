"""How fast a process delivers what it has spooled beside threads of its own that never rest.

Events a second by the clock, beside those without such threads in the same run.
"""

import argparse
import sys
import tempfile
import threading
import time

from benchmarks.cost import setup
from benchmarks.delivery import FACTS, empty


def spin(stop):
    while not stop.is_set():
        sum(range(100))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="postgresql", help="sqlite, postgresql or mariadb")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2, 3])
    args = parser.parse_args()
    teardown = setup(args.database)
    from django.db import connection

    from eventlog.backends.buffered import BufferedBackend
    from eventlog.models import Log
    from eventlog.records import Record

    record = Record.build(None, "GET_SHOP_ORDER_DETAIL", FACTS)
    rates = {}
    for count in (0, *args.threads):
        empty(connection)
        with tempfile.TemporaryDirectory() as folder:
            writer = BufferedBackend(spool=folder, interval=None)
            writer.write([record] * args.events)
            writer.spool.seal()
            stop = threading.Event()
            threads = [threading.Thread(target=spin, args=(stop,)) for _ in range(count)]
            for thread in threads:
                thread.start()
            backend = BufferedBackend(spool=folder, interval=0.1)
            before = time.perf_counter()
            backend.start()
            while backend.spool.size():
                time.sleep(0.05)
            rates[count] = args.events / (time.perf_counter() - before)
            stop.set()
            for thread in threads:
                thread.join()
            backend.close()
            writer.close()
        assert Log.objects.count() == args.events
    teardown()
    turn = sys.getswitchinterval() * 1000
    print(f"\n{args.database}, {args.events:,} events, threads take turns of {turn:.0f} ms\n")
    print("| busy threads | events/s | of those beside none |\n| ---: | ---: | ---: |")
    for count, rate in rates.items():
        print(f"| {count} | {rate:,.0f} | {rate / rates[0]:.2f} |")


if __name__ == "__main__":
    main()
