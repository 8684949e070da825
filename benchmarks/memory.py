"""A million events through one process: does it grow?

Resident size after a warm-up and at the end, with the database there and with it gone.
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks.cost import setup
from benchmarks.delivery import FACTS


def resident():
    """Megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="sqlite")
    parser.add_argument("--events", type=int, default=1_000_000)
    args = parser.parse_args()
    teardown = setup(args.database)
    from eventlog.backends import buffered
    from eventlog.models import Log
    from eventlog.records import Record

    def run(backend, count):
        for number in range(count):
            backend.write([Record.build(None, "GET_PAGE", FACTS | {"number": number})])

    with tempfile.TemporaryDirectory() as folder:
        backend = buffered.BufferedBackend(spool=f"{folder}/up")
        run(backend, args.events // 10)
        backend.flush()
        before = resident()
        run(backend, args.events)
        backend.flush()
        print(f"database there: {before:.0f} MB after {args.events // 10:,} events, ", end="")
        print(f"{resident():.0f} MB after {args.events * 11 // 10:,}; {Log.objects.count():,} rows")
        backend.close()

        def gone(*args):
            raise OSError("the database is gone")

        buffered.deliver = gone
        backend = buffered.BufferedBackend(spool=f"{folder}/down", max_bytes=100_000_000)
        run(backend, args.events // 10)
        before = resident()
        run(backend, args.events)
        print(f"database gone:  {before:.0f} MB, then {resident():.0f} MB; ", end="")
        print(f"the spool holds {backend.spool.size() / 1e6:.0f} of 100 MB, ", end="")
        print(f"{backend._dropped:,} events dropped and counted")
        backend.courier._stop.set()
    teardown()


if __name__ == "__main__":
    main()
