"""Cost of each index of the event table for writers.

Rows per second by the clock, into a table with rows, right after a checkpoint. The variants take
turns. Figures are medians over the rounds. `--writer` selects who writes: `bare` is COPY on
PostgreSQL and executemany elsewhere, in one transaction with prepared rows. `buffered` is the
buffered backend that delivers its spool. `bulk_create` is Django with prepared objects.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks.common import (
    argument_parser,
    print_table,
    ratio,
    require,
    require_rows,
    setup,
    take_turns,
    timed,
)
from benchmarks.rows import COLUMNS, rows


def variants(connection):
    """Return the CREATE INDEX statements of each variant, by name."""
    from benchmarks.seed import index_statements

    own = index_statements(connection)
    found = {"primary key only": []}
    found |= {f"{name} alone": [statement] for name, statement in own.items()}
    without = [sql for name, sql in own.items() if name != "eventlog_ip_time"]
    found |= {"all but the address": without, "all": list(own.values())}
    return found


def megabytes(connection):
    """Return the size of all indexes but the primary key, in MB."""
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


def restore(connection, last_pk):
    """Drop the indexes, and delete the rows that the last round inserted."""
    from benchmarks.seed import drop_indexes

    drop_indexes(connection)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM eventlog_log WHERE id > %s", [last_pk])
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM eventlog_log")


def bare(connection, made):
    """Return the preparation and the insert of the bare statement."""
    from benchmarks import seed

    insert = seed.executemany
    if connection.vendor == "postgresql":
        made, insert = seed.copy_lines(made), seed.copy
    made = list(made)
    return lambda: None, lambda: insert(connection, made)


def buffered(connection, made):
    """Return the preparation and the insert of the buffered backend."""
    from eventlog.backends.buffered import BufferedBackend

    spool = Path(os.environ["BENCHMARK_SQLITE"]).with_name("spool")
    backend = BufferedBackend(spool=spool, interval=None)
    records = [record(row) for row in made]
    return lambda: backend.write(records), backend.flush


def bulk_create(connection, made):
    """Return the preparation and the insert of Django's `bulk_create()`."""
    from eventlog.models import Log

    records = [record(row) for row in made]
    events = []

    def make():
        events[:] = map(Log.from_record, records)

    return make, lambda: Log.objects.bulk_create(events, batch_size=5000)


def record(row):
    """Return the record that `log()` would make of a row of the seed."""
    from django.contrib.contenttypes.models import ContentType

    from eventlog.records.record import Record

    values = dict(zip(COLUMNS, row, strict=True))
    kind = values["content_type_id"]
    user_id, status = (
        None if values[column] is None else int(values[column]) for column in ("user_id", "status")
    )
    return Record(
        action=values["action"],
        timestamp=datetime.fromisoformat(values["timestamp"]).replace(tzinfo=UTC),
        user_id=user_id,
        user_repr=values["user_repr"],
        model=".".join(ContentType.objects.get_for_id(int(kind)).natural_key()) if kind else None,
        object_id=values["object_id"],
        object_repr=values["object_repr"],
        is_request=values["is_request"] == "1",
        ip=values["ip"],
        status=status,
        own_keys=values["own_keys"],
        extra=values["extra"],
    )


# Each function returns what to do before a round, and what to measure.
WRITERS = {"bare": bare, "buffered": buffered, "bulk_create": bulk_create}


def checkpoint(connection):
    """Make the database write its buffers, so that the next round starts as the others do."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("CHECKPOINT")
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def check_indexes(connection, name, statements):
    """Stop the benchmark unless the table has the indexes of the variant, and no others."""
    from benchmarks.seed import own_indexes

    found, expected = len(own_indexes(connection)), len(statements)
    require(found == expected, f"{name!r}: the table has {found} indexes, expected {expected}")


def main():
    """Measure every variant and print the table."""
    parser = argument_parser(__doc__, database="postgresql")
    parser.add_argument("--writer", default="bare", choices=WRITERS)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows in the table before")
    parser.add_argument("--insert", type=int, default=200_000, help="rows to insert per round")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    teardown = setup(args.database)
    from django.core.management import call_command
    from django.db import connection

    from benchmarks import seed
    from eventlog.models import Log

    sizes = {}

    def one_round(name, statements):
        restore(connection, last_pk)
        if statements:
            seed.make_indexes(connection, statements)
        check_indexes(connection, name, statements)
        sizes.setdefault(name, megabytes(connection))
        prepare()
        checkpoint(connection)
        seconds = timed(write)
        require_rows(name, Log.objects.count(), args.rows + args.insert)
        return seconds

    try:
        call_command("migrate", run_syncdb=True, verbosity=0)
        seed.seed(connection, args.rows)
        last_pk = Log.objects.order_by("id").last().pk
        # The inserted rows continue the table at the same rate.
        days = max(1, round(180 * args.insert / args.rows))
        end = datetime.now(UTC) + timedelta(days=days)
        made = rows(args.insert, days, end, 2)
        prepare, write = WRITERS[args.writer](connection, made)
        runs = {
            name: lambda name=name, statements=statements: one_round(name, statements)
            for name, statements in variants(connection).items()
        }
        took = take_turns(runs, args.rounds)
    finally:
        teardown()
    base = took["primary key only"]
    print_table(
        f"{args.database}, {args.writer}, {args.insert:,} rows on top of {args.rows:,}, "
        f"{args.rounds} rounds",
        ["indexes", "rows/s", "ratio to the primary key only", "MB before"],
        (
            [name, f"{args.insert / median(each):,.0f}", ratio(base, each), f"{sizes[name]:.0f}"]
            for name, each in took.items()
        ),
    )


if __name__ == "__main__":
    main()
