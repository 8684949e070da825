"""Pruning a million old events while others are written: does a writer wait?

``eventlog_prune`` runs in a process of its own; here so many events a second are written, each by
the clock. The same pace is measured before without pruning. The database is one of
benchmarks.seed, and loses the older half of its events.
"""

import argparse
import os
import subprocess
import sys
import time

from benchmarks import seed

NAMES = ("PGDATABASE", "MYSQL_DATABASE", "BENCHMARK_SQLITE")  # where the settings look


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="postgresql", help="sqlite, postgresql or mariadb")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--writes", type=int, default=100, help="events a second")
    args = parser.parse_args()
    seed.setup(args.database)
    name = f"eventlog_prune_{args.rows}"
    seed.use(name)
    from django.db import connection

    from eventlog.models import Log, log

    if Log.objects.count() < args.rows:
        seed.seed(connection, args.rows)
    old = Log.objects.order_by("timestamp").values_list("timestamp", flat=True)[args.rows // 2]
    hours = int((Log.objects.latest("timestamp").timestamp - old).total_seconds() // 3600)

    def write_while(going_on):
        """Milliseconds that each event took, at that pace."""
        took, due = [], time.perf_counter()
        while going_on():
            due += 1 / args.writes
            time.sleep(max(0.0, due - time.perf_counter()))
            before = time.perf_counter()
            log(None, "WRITTEN_MEANWHILE", {"path": "/a/", "status": 200})
            took.append((time.perf_counter() - before) * 1000)
        return sorted(took)

    end = time.perf_counter() + 10
    alone = write_while(lambda: time.perf_counter() < end)
    before = Log.objects.count()
    began = time.perf_counter()
    pruning = subprocess.Popen(
        [sys.executable, "-m", "django", "eventlog_prune", f"{hours}h", "-v0"],
        env=os.environ | dict.fromkeys(NAMES, str(connection.settings_dict["NAME"])),
    )
    beside = write_while(lambda: pruning.poll() is None)
    seconds = time.perf_counter() - began
    assert pruning.returncode == 0
    deleted = before + len(beside) - Log.objects.count()
    print(f"\n{args.database}: {deleted:,} events pruned in {seconds:.0f} s\n")
    print("| a write waits, ms | median | 99 % | longest |\n| --- | ---: | ---: | ---: |")
    for name, took in (("nothing else going on", alone), ("while pruning", beside)):
        figures = (took[len(took) // 2], took[int(len(took) * 0.99)], took[-1])
        print(f"| {name} | " + " | ".join(f"{figure:.1f}" for figure in figures) + " |")


if __name__ == "__main__":
    main()
