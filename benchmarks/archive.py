"""Rows per second that eventlog_copy copies and compares, and bytes per event of each store.

The database is one of benchmarks.seed, with the events of two days. ClickHouse's engine runs inside
the process (chdb), so its figures have no network. The CPU time is the time of this process
alone.
"""

import resource
import time
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import seed
from benchmarks.common import argument_parser, configure, print_table, require_rows

DAYS = 2
# The rows of seed have no UUIDs, which are most of what compression leaves of an event.
UIDS = """UPDATE eventlog_log SET user_state = CASE WHEN user_id IS NULL THEN 2 ELSE 1 END, uid = (
    lpad(to_hex((extract(epoch FROM timestamp) * 1000)::bigint), 12, '0') || '7'
    || substr(md5(random()::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid
    WHERE uid IS NULL"""


def size_of(directory):
    return sum(path.stat().st_size for path in Path(directory).rglob("*.parquet"))


def main():
    """Copy to each store and back, and print both tables."""
    parser = argument_parser(__doc__, database=None)
    parser.add_argument("--rows", type=int, default=300_000)
    args = parser.parse_args()
    configure("postgresql")
    seed.use(f"eventlog_archive_{args.rows}")
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    from eventlog.conf import conf
    from eventlog.contrib.archive.management.commands.eventlog_copy import Command
    from eventlog.contrib.clickhouse.configured_table import configured_table
    from eventlog.models import Log

    seed.seed(connection, args.rows, days=DAYS)
    latest = Log.objects.latest("timestamp").timestamp
    end = latest.replace(minute=0, second=0, microsecond=0)
    Log.objects.filter(timestamp__gte=end).delete()
    count = Log.objects.count()
    with connection.cursor() as cursor:
        cursor.execute(UIDS)
        cursor.execute("VACUUM FULL ANALYZE eventlog_log")
        print(f"{count:,} events", flush=True)
        cursor.execute("SELECT pg_table_size('eventlog_log'), pg_indexes_size('eventlog_log')")
        table_bytes, index_bytes = cursor.fetchone()
    with TemporaryDirectory() as folder:
        settings.EVENTLOG = {
            "CLICKHOUSE": {"connection": {"interface": "chdb", "path": f"{folder}/engine"}},
            "ACCESS": {"export": False, "import": False},
        }
        conf.reset()
        rates = []

        def run(name, *names):
            source, target, *more = names
            started, cpu = time.perf_counter(), time.process_time()
            arguments = ["--from", source, "--to", target, "--archive", f"{folder}/archive"]
            arguments += ["--until", end.isoformat(), *more]
            call_command(Command(), *arguments, verbosity=0, stdout=StringIO())
            seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
            rates.append([name, f"{count / seconds:,.0f}", f"{count / cpu:,.0f}"])
            print(*rates[-1], flush=True)

        run("database to Parquet", "database", "parquet")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        table = configured_table()
        table.create("MergeTree")
        run("database to ClickHouse", "database", "clickhouse")
        run("the same again, by numbers", "database", "clickhouse")
        run("compare database and ClickHouse", "database", "clickhouse", "--verify")
        run("compare database and Parquet", "database", "parquet", "--verify")
        Log.objects.all().delete()
        run("Parquet to database", "parquet", "database")
        require_rows("the copy", Log.objects.count(), count)
        table.server.command(f"OPTIMIZE TABLE {table.name} FINAL")
        ((clickhouse_bytes,),) = table.server.query(
            "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'eventlog'"
        )
        parquet_bytes = size_of(f"{folder}/archive")
        table.server.close()
    print(f"Memory of the process after the first copy: {peak:,.0f} MB at most")
    print_table("Speed", ["", "events per second", "events per second of CPU"], rates)
    sizes = {
        "PostgreSQL, table": table_bytes,
        "PostgreSQL, indexes": index_bytes,
        "ClickHouse": clickhouse_bytes,
        "Parquet": parquet_bytes,
    }
    lines = [[name, f"{size / count:,.0f}"] for name, size in sizes.items()]
    print_table("Size", ["", "bytes per event"], lines)


if __name__ == "__main__":
    main()
