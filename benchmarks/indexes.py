"""What each index of the table of events costs whoever writes: a bulk insert with and without it.

Rows a second by the clock, into a table that is filled already, right after a checkpoint; in turns,
medians over the rounds. ``--writer`` says who writes: ``bare`` is COPY on PostgreSQL, executemany
elsewhere, in one transaction, of rows that are made before; ``buffered`` the buffered backend,
delivering what it has spooled; ``bulk_create`` Django, of objects that are made before.
"""

import argparse
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.cost import setup


def variants(connection):
    """Statements that make the indexes, by what to call them."""
    from benchmarks.seed import index_statements

    own = index_statements(connection)
    found = {"primary key only": []}
    found |= {f"{name} alone": [statement] for name, statement in own.items()}
    without = [sql for name, sql in own.items() if name != "eventlog_day_ip"]
    found |= {"all but the address": without, "all": list(own.values())}
    return found


def megabytes(connection):
    """What the indexes take, without the primary key's."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT pg_indexes_size('eventlog_log') - pg_relation_size('eventlog_log_pkey')"
            )
        elif connection.vendor == "sqlite":
            cursor.execute(
                "SELECT SUM(pgsize) FROM dbstat JOIN sqlite_master USING (name)"
                " WHERE type = 'index' AND tbl_name = 'eventlog_log'"
            )
        else:
            cursor.execute("ANALYZE TABLE eventlog_log")
            cursor.fetchall()
            cursor.execute(
                "SELECT index_length FROM information_schema.tables"
                " WHERE table_name = 'eventlog_log' AND table_schema = DATABASE()"
            )
        return (cursor.fetchone()[0] or 0) / 1e6


def settle(connection, most):
    """The table as it was before the insert, and nothing of the last one left to be written."""
    from benchmarks.seed import drop_indexes

    drop_indexes(connection)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM eventlog_log WHERE id > %s", [most])
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM eventlog_log")


def bare(connection, rows):
    from benchmarks import seed

    insert = seed.executemany
    if connection.vendor == "postgresql":
        rows, insert = seed.copy_lines(rows), seed.copy
    rows = list(rows)
    return lambda: None, lambda: insert(connection, rows)


def buffered(connection, rows):
    from eventlog.backends.buffered import BufferedBackend

    spool = Path(os.environ["BENCHMARK_SQLITE"]).with_name("spool")
    backend = BufferedBackend(spool=spool, interval=None)
    records = [record(row) for row in rows]
    return lambda: backend.write(records), backend.flush


def bulk_create(connection, rows):
    from eventlog.models import Log

    records = [record(row) for row in rows]
    made = []

    def make():
        made[:] = map(Log.from_record, records)

    return make, lambda: Log.objects.bulk_create(made, batch_size=5000)


def record(row):
    """What ``log()`` would have made of a row of the seed."""
    from django.contrib.contenttypes.models import ContentType

    from eventlog.records import Record

    moment, action, user_id, user_repr, kind, object_id, object_repr, extra = row
    model = ".".join(ContentType.objects.get_for_id(int(kind)).natural_key()) if kind else None
    moment = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    key = None if user_id is None else int(user_id)
    return Record(action, moment, key, user_repr, model, object_id, object_repr, extra)


# Each gives what is to be done before a round, and what is measured.
WRITERS = {"bare": bare, "buffered": buffered, "bulk_create": bulk_create}


def checkpoint(connection):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("CHECKPOINT")
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="postgresql", help="sqlite, postgresql or mariadb")
    parser.add_argument("--writer", default="bare", choices=WRITERS)
    parser.add_argument("--rows", type=int, default=1_000_000, help="in the table before")
    parser.add_argument("--insert", type=int, default=200_000, help="a round")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    teardown = setup(args.database)
    from django.core.management import call_command
    from django.db import connection

    from benchmarks import seed
    from eventlog.models import Log

    call_command("migrate", run_syncdb=True, verbosity=0)
    seed.seed(connection, args.rows)
    most = Log.objects.order_by("id").last().pk
    # The days that follow, at the same pace.
    days = max(1, round(180 * args.insert / args.rows))
    end = seed.datetime.now(seed.UTC) + seed.timedelta(days=days)
    rows = seed.rows(args.insert, days, end, 2)
    prepare, write = WRITERS[args.writer](connection, rows)
    found = variants(connection)
    took = {name: [] for name in found}
    sizes = {}
    for number in range(args.rounds + 1):  # the first is for warming up
        for name, statements in found.items():
            settle(connection, most)
            if statements:
                seed.make_indexes(connection, statements)
            if not number:
                sizes[name] = megabytes(connection)
            prepare()
            checkpoint(connection)
            before = time.perf_counter()
            write()
            if number:
                took[name].append(time.perf_counter() - before)
        assert Log.objects.count() == args.rows + args.insert
    teardown()
    base = took["primary key only"]
    print(
        f"\n{args.database}, {args.writer}, {args.insert:,} rows on top of {args.rows:,}, "
        f"{args.rounds} rounds\n"
    )
    print("| indexes | rows/s | of those with the primary key only | MB before |")
    print("| --- | ---: | ---: | ---: |")
    for name, figures in took.items():
        ratio = median(b / a for a, b in zip(figures, base, strict=True))
        print(
            f"| {name} | {args.insert / median(figures):,.0f} | {ratio:.2f} | {sizes[name]:.0f} |"
        )


if __name__ == "__main__":
    main()
