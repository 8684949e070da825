"""Rows per second written to ClickHouse, bytes per row, and times of the admin's pages.

ClickHouse's engine runs inside the process (chdb), so the figures have no network. `--delivered`
events are written as a process delivers them, which is timed. They are then copied inside
ClickHouse up to `--events`: with other times, keys, request ids, users and addresses. A directory
that has events already is measured as it is.

    python -m benchmarks.clickhouse --events 100000000 --directory /var/tmp/clickhouse
"""

import argparse
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.common import configure, fail, print_table, require, require_rows

BATCH = 5000
DAYS = 180
POPULATION = 20  # copies of each user and address: 20,000 users and a million addresses
EVENTS_PER_INSERT, EVENTS_PER_PASS = 1_000_000, 10_000_000
# Large blocks, sorted by time, so that few files have to be merged.
INSERT_SETTINGS = {
    "insert_allow_materialized_columns": 1,
    "insert_deduplicate": 0,
    "max_insert_threads": 2,
    "max_partitions_per_insert_block": 0,
    "min_insert_block_size_bytes": 1 << 30,
    "min_insert_block_size_rows": 2_000_000,
}


def lines_of(made):
    """Yield lines as the spool has them, of the rows of benchmarks.rows."""
    from eventlog.records.record import Record
    from eventlog.records.uid import new_uid

    for row in made:
        (moment, action, user, name, kind, key, what, is_request, ip, status, own, extra) = row
        record = Record(
            action=action,
            timestamp=datetime.fromisoformat(moment).replace(tzinfo=UTC),
            user_id=user,
            user_repr=name,
            user_state=1 if user else 2,
            model=("auth.user" if what.startswith("user") else "shop.widget") if kind else None,
            object_id=key,
            object_repr=what,
            is_request=is_request == "1",
            ip=ip,
            status=int(status) if status else None,
            own_keys=own,
            uid=new_uid(),
            extra=extra,
        )
        yield record.to_json()


def deliver_all(table, count):
    """Deliver events in batches; return the seconds that the delivery took."""
    from benchmarks.rows import rows
    from benchmarks.seed import batched
    from eventlog.contrib.clickhouse.insertion import deliver

    spent = 0.0
    for number, lines in enumerate(batched(lines_of(rows(count, DAYS)), BATCH)):
        started = time.perf_counter()
        deliver(f"{number:012}-1", [lines], table, lambda *rejected: fail(str(rejected)))
        spent += time.perf_counter() - started
    return spent


def copy_events(table, times):
    """Insert `times` - 1 changed copies of all events."""
    from eventlog.contrib.clickhouse.columns import FACTS, WRITTEN, fact_column

    server, source = table.server, f"{table.name}_source"
    names = [*WRITTEN, *map(fact_column, FACTS)]
    server.command(f"DROP TABLE IF EXISTS {source}")
    server.command(
        f"CREATE TABLE {source} ENGINE = MergeTree ORDER BY timestamp AS"
        f" SELECT {', '.join(names)} FROM {table.name}"
    )
    ((count,),) = server.query(f"SELECT count() FROM {source}")
    gap = DAYS * 86_400_000_000 // (count * times)
    request_id = "lower(hex(MD5(concat(fact_request_id, toString(copy)))))"
    user = f"toString(toUInt32(user_id) + 1000 * (copy % {POPULATION}))"
    address = f"concat(toString(1 + copy % {POPULATION}), substring(ip, position(ip, '.')))"
    changed = {
        "id": "bitAnd(reinterpretAsInt64(new_uid), 4611686018427387903)",
        "uid": "new_uid",
        # Earlier by less than the time between events of the source, so that copies alternate.
        "timestamp": f"timestamp - toIntervalMicrosecond(copy * {gap} + id % {gap})",
        "user_id": f"if(user_id IS NULL, NULL, {user})",
        "user_repr": f"if(user_id IS NULL, '', concat('user', {user}))",
        "ip": address,
        "batch": "concat(toString(copy), '-', batch)",
        "extra": f"replaceOne(replaceOne(extra, fact_request_id, {request_id}),"
        f" concat('\"ip\":\"', ip, '\"'), concat('\"ip\":\"', {address}, '\"'))",
        "fact_request_id": request_id,
    }
    values = [changed.get(name, name) for name in names]
    ((first, last),) = server.query(
        f"SELECT toUnixTimestamp(min(timestamp)), toUnixTimestamp(max(timestamp)) + 1 FROM {source}"
    )
    # Each pass covers all days, so that an interrupted run leaves fewer events of the same days.
    passes = max(1, count * times // EVENTS_PER_PASS)
    starts = range(first, last, (last - first) // max(1, EVENTS_PER_PASS // EVENTS_PER_INSERT) + 1)
    for number in range(passes):
        copies = f"arrayFilter(c -> c % {passes} = {number}, range(1, {times}))"
        for start in starts:
            server.command(
                f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {', '.join(values)} FROM"
                f" (SELECT *, copy, generateUUIDv4(copy) AS new_uid FROM {source}"
                f" ARRAY JOIN {copies} AS copy WHERE timestamp >= toDateTime({start})"
                f" AND timestamp < toDateTime({start + starts.step}))",
                settings=INSERT_SETTINGS,
            )
        print(f"pass {number + 1} of {passes}", flush=True)
    server.command(f"DROP TABLE {source}")


def fill(table, delivered, events):
    """Fill an empty table, and print the rate of delivery."""
    table.create("MergeTree")
    ((present,),) = table.server.query(f"SELECT count() FROM {table.name}")
    if present:
        return present
    spent = deliver_all(table, delivered)
    print(f"{delivered / spent:,.0f} events per second delivered", flush=True)
    started = time.perf_counter()
    copy_events(table, events // delivered)
    print(f"copied in {time.perf_counter() - started:.0f} s", flush=True)
    ((count,),) = table.server.query(f"SELECT count() FROM {table.name}")
    require_rows("the copies", count, events // delivered * delivered)
    return count


def print_sizes(table, count):
    """Print bytes per event, of all and of indexes and projections."""
    name = table.name.partition(".")[2]
    ((parts, size, indexes),) = table.server.query(
        "SELECT count(), sum(bytes_on_disk), sum(secondary_indices_compressed_bytes)"
        f" FROM system.parts WHERE active AND table = '{name}'"
    )
    print(f"{count:,} events in {parts} parts: {size / count:.1f} bytes each,")
    print(f"  of which {indexes / count:.1f} are of skip indexes")
    for projection, size, rows in table.server.query(
        "SELECT name, sum(bytes_on_disk), sum(rows) FROM system.projection_parts"
        f" WHERE active AND table = '{name}' GROUP BY name ORDER BY name"
    ):
        print(f"  projection {projection}: {size / count:.2f} bytes, {rows:,} rows")


def known(reader):
    """Return values for the addresses of the pages, from the middle of the table."""
    from django.db.models import Q

    from benchmarks import review
    from eventlog.review.pagination import Cursor
    from eventlog.review.search.plan import QueryPlan

    middle = Cursor(datetime.now(UTC) - timedelta(days=DAYS / 2), 0)
    (event,) = reader.page(QueryPlan(period=Q(is_request=True)), 1, older=middle).events
    with_object = QueryPlan(period=Q(object_id__isnull=False))
    (about,) = reader.page(with_object, 1, older=middle).events
    oldest = reader.oldest()
    return review.values_of(event, about, f"{(oldest + timedelta(minutes=5)).isoformat()}~0")


def main():
    """Fill a table, measure every page, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--delivered", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=5, help="requests per page")
    parser.add_argument("--directory", type=Path, help="keep the events here")
    parser.add_argument("--page", action="append", help="measure only these pages")
    parser.add_argument("--load", action="store_true", help="only fill the table")
    args = parser.parse_args()
    with TemporaryDirectory() as temporary:
        directory = args.directory or Path(temporary)
        directory.mkdir(exist_ok=True)
        os.environ["BENCHMARK_SQLITE"] = str(directory / "site.sqlite3")
        configure("sqlite", "benchmarks.clickhouse_settings")
        run(args, directory)


def run(args, directory):
    """Fill the table of `directory` and measure the pages."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.test import override_settings

    import eventlog
    from benchmarks import review, seed
    from benchmarks.rows import USERS
    from eventlog.backends import get_backend

    call_command("migrate", run_syncdb=True, verbosity=0)
    seed.prepare()
    if not User.objects.filter(pk=USERS * POPULATION).exists():
        User.objects.bulk_create(
            User(pk=number, username=f"user{number}")
            for number in range(USERS + 1, USERS * POPULATION + 1)
        )
    site = {
        "BACKEND": "eventlog.contrib.clickhouse.backend.ClickHouseBackend",
        "OPTIONS": {
            "connection": {"interface": "chdb", "path": str(directory / "clickhouse")},
            "spool": directory / "spool",
            "interval": None,
        },
        "REQUESTS": [],
    }
    with override_settings(EVENTLOG=site):
        table = get_backend().table
        count = fill(table, args.delivered, args.events)
        print_sizes(table, count)
        if args.load:
            return
        client = review.superuser_client(pk=USERS * POPULATION + 1)
        facts = known(eventlog.reader())
        lines = []
        for name, address in review.PAGES:
            if args.page and name not in args.page:
                continue
            page = name, address, review.text_of(name, address)
            found = review.measure(client, [page], args.times, facts, warm_up=1, once_above=5)
            times = found[name][0]
            print(f"{name:34}{median(times):9.0f}", flush=True)
            lines.append([name, f"{median(times):.0f}", f"{max(times):.0f}"])
        require(lines, f"no page is called {args.page}")
        print_table(f"{count:,} events, milliseconds", ["page", "median", "maximum"], lines)


if __name__ == "__main__":
    main()
