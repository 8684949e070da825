"""What each index of the table of events costs whoever writes: a bulk insert with and without it.

Rows a second by the clock: COPY on PostgreSQL, executemany elsewhere, in one transaction, into a
table that is filled already, right after a checkpoint; in turns, medians over the rounds. The
making of the rows is not measured. ``--candidates`` measures indexes that were thought of, on top
of (or in place of) those of the model.
"""

import argparse
import time
from statistics import median

from benchmarks.cost import setup

OBJECT, USER = "eventlog_object_time", "eventlog_user_time"
# Name: the index that it stands in for if any, what follows CREATE INDEX … ON eventlog_log.
CANDIDATES = {
    "postgresql": {
        "a ip, timestamp": (None, "((extra->>'ip'), timestamp)"),
        "b timestamp of 5xx": (None, "(timestamp) WHERE ((extra->'status') >= '500'::jsonb)"),
        "c timestamp of 4xx": (
            None,
            "(timestamp) WHERE ((extra->'status') >= '400'::jsonb"
            " AND (extra->'status') < '500'::jsonb)",
        ),
        "d object, where there is one": (
            OBJECT,
            "(content_type_id, object_id, timestamp) WHERE object_id IS NOT NULL",
        ),
        "e user, where there is one": (USER, "(user_id, timestamp) WHERE user_id IS NOT NULL"),
        "f path by prefix, timestamp": (None, "((extra->>'path') text_pattern_ops, timestamp)"),
        "g request_id, hash": (None, "USING hash ((extra->>'request_id'))"),
        "g request_id, btree": (None, "((extra->>'request_id'))"),
    },
    "sqlite": {
        "a ip, timestamp": (None, "(json_extract(extra, '$.ip'), timestamp)"),
        "b timestamp of 5xx": (None, "(timestamp) WHERE json_extract(extra, '$.status') >= 500"),
        "c timestamp of 4xx": (
            None,
            "(timestamp) WHERE json_extract(extra, '$.status') >= 400"
            " AND json_extract(extra, '$.status') < 500",
        ),
        "d object, where there is one": (
            OBJECT,
            "(content_type_id, object_id, timestamp) WHERE object_id IS NOT NULL",
        ),
        "e user, where there is one": (USER, "(user_id, timestamp) WHERE user_id IS NOT NULL"),
    },
}


def variants(connection, with_candidates):
    """Statements that make the indexes, by what to call them."""
    from benchmarks.seed import index_statements

    own = index_statements(connection)
    found = {"primary key only": []}
    if not with_candidates:
        found |= {name: [statement] for name, statement in own.items()}
    found["all of the model"] = list(own.values())
    if not with_candidates:
        return found

    def together(names):
        instead = [candidates[name][0] for name in names]
        kept = [s for s in own.values() if not any(name and name in s for name in instead)]
        return kept + [
            f"CREATE INDEX candidate_{number} ON eventlog_log {rest}"
            for number, (_, rest) in enumerate(candidates[name] for name in names)
        ]

    candidates = CANDIDATES[connection.vendor]
    found |= {f"with {name}": together([name]) for name in candidates}
    for letters in ("de", "abde", "abcde", "abcdef", "abcdefg"):
        # The hash is the first of the two that begin with g.
        names = {name[0]: name for name in reversed(candidates) if name[0] in letters}
        if len(names) == len(letters):
            found[f"with {', '.join(letters)}"] = together(sorted(names.values()))
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


def checkpoint(connection):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("CHECKPOINT")
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="postgresql", help="sqlite, postgresql or mariadb")
    parser.add_argument("--rows", type=int, default=1_000_000, help="in the table before")
    parser.add_argument("--insert", type=int, default=200_000, help="a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--candidates", action="store_true")
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
    rows, insert = seed.rows(args.insert, days, end, 2), seed.executemany
    if connection.vendor == "postgresql":
        rows, insert = seed.copy_lines(rows), seed.copy
    rows = list(rows)
    found = variants(connection, args.candidates)
    took = {name: [] for name in found}
    sizes = {}
    for number in range(args.rounds + 1):  # the first is for warming up
        for name, statements in found.items():
            settle(connection, most)
            if statements:
                seed.make_indexes(connection, statements)
            if not number:
                sizes[name] = megabytes(connection)
            checkpoint(connection)
            before = time.perf_counter()
            insert(connection, rows)
            if number:
                took[name].append(time.perf_counter() - before)
        assert Log.objects.count() == args.rows + args.insert
    teardown()
    base = took["primary key only"]
    own = took["all of the model"]
    print(
        f"\n{args.database}, {args.insert:,} rows on top of {args.rows:,}, {args.rounds} rounds\n"
    )
    print("| indexes | rows/s | time against primary key only | against the model's | MB before |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, figures in took.items():
        ratios = [
            median(a / b for a, b in zip(figures, other, strict=True)) for other in (base, own)
        ]
        speed = args.insert / median(figures)
        print(f"| {name} | {speed:,.0f} | {ratios[0]:.2f} | {ratios[1]:.2f} | {sizes[name]:.0f} |")


if __name__ == "__main__":
    main()
