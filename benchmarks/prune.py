"""Time that writers wait while `eventlog_prune` deletes a million events.

The command runs in a process of its own. Here events are written at a constant rate, each by the
clock, first without and then with pruning. The database is one of benchmarks.seed and loses the
older half of its events.
"""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

from benchmarks import seed
from benchmarks.common import (
    argument_parser,
    configure,
    percentile,
    print_table,
    require,
    require_rows,
)

DATABASE_VARIABLES = ("PGDATABASE", "MYSQL_DATABASE", "BENCHMARK_SQLITE")  # read by the settings
ACTION = "WRITTEN_DURING_PRUNING"


def write_while(going_on, rate):
    """Write `rate` events per second and return the milliseconds that each took."""
    from eventlog.models import log

    took, due = [], time.perf_counter()
    while going_on():
        due += 1 / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        before = time.perf_counter()
        log(None, ACTION, {"path": "/a/", "status": 200})
        took.append((time.perf_counter() - before) * 1000)
    return took


def main():
    """Measure both phases and print the table."""
    parser = argument_parser(__doc__, database="postgresql")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--writes", type=int, default=100, help="events per second")
    parser.add_argument("--seconds", type=int, default=10, help="time without pruning")
    args = parser.parse_args()
    configure(args.database)
    seed.use(f"eventlog_prune_{args.rows}")
    from django.db import connection

    from eventlog.models import Log

    if Log.objects.count() < args.rows:
        seed.seed(connection, args.rows)
    middle = Log.objects.order_by("timestamp").values_list("timestamp", flat=True)[args.rows // 2]
    hours = int((datetime.now(UTC) - middle).total_seconds() // 3600)
    last_pk = Log.objects.latest("pk").pk
    end = time.perf_counter() + args.seconds
    alone = write_while(lambda: time.perf_counter() < end, args.writes)
    before = Log.objects.count()
    cutoff = datetime.now(UTC) - timedelta(hours=hours)
    old = Log.objects.filter(timestamp__lt=cutoff).count()
    started = time.perf_counter()
    pruning = subprocess.Popen(
        [sys.executable, "-m", "django", "eventlog_prune", f"{hours}h", "-v0"],
        env=os.environ | dict.fromkeys(DATABASE_VARIABLES, str(connection.settings_dict["NAME"])),
    )
    during = write_while(lambda: pruning.poll() is None, args.writes)
    seconds = time.perf_counter() - started
    require(pruning.returncode == 0, f"eventlog_prune ended with status {pruning.returncode}")
    deleted = before + len(during) - Log.objects.count()
    # The cutoff of the command is later than ours by the time that its process takes to start.
    newest = datetime.now(UTC) - timedelta(hours=hours)
    left = Log.objects.filter(timestamp__lt=cutoff).count()
    require(left == 0, f"{left:,} events from before {cutoff} are still there")
    require(deleted >= old > 0, f"{deleted:,} events were deleted, expected at least {old:,} > 0")
    kept = Log.objects.filter(timestamp__gte=newest).count()
    require(kept > 0, f"no event after {newest} was kept")
    written = Log.objects.filter(action=ACTION, pk__gt=last_pk).count()
    require_rows("the writer", written, len(alone) + len(during))
    lines = []
    for name, took in (("without pruning", alone), ("while pruning", during)):
        figures = (percentile(took, 0.5), percentile(took, 0.99), max(took))
        lines.append([name, len(took), *(f"{figure:.1f}" for figure in figures)])
    print_table(
        f"{args.database}: {deleted:,} events pruned in {seconds:.0f} s; a write takes, in ms",
        ["", "writes", "median", "p99", "longest"],
        lines,
    )


if __name__ == "__main__":
    main()
