"""Rows per second written to ClickHouse, bytes per row, and times of the reader.

ClickHouse's engine runs inside the process (chdb), so the figures have no network.

    python -m benchmarks.clickhouse --events 1000000
"""

import argparse
import random
import time
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import django
from django.conf import settings

BATCH = 5000
DAYS = 180
USERS, PATHS = 20_000, 50_000


def lines_of(rng, start, first, count, total):
    """Yield the lines of a batch, in order of time, as the spool has them."""
    from eventlog.records.record import Record

    for number in range(first, first + count):
        user = rng.randrange(USERS)
        facts = {
            "ip": f"203.0.{user % 250}.{user % 199}",
            "method": "GET" if number % 4 else "POST",
            "path": f"/orders/{rng.randrange(PATHS)}/",
            "route": "orders/<int:pk>/",
            "view": f"shop:order-{number % 50}",
            "status": 500 if number % 997 == 0 else 404 if number % 50 == 0 else 200,
            "duration_ms": round(rng.expovariate(1 / 60), 1),
            "browser": f"Firefox {130 + number % 11}",
            "os": "Windows 10",
            "device_type": "pc",
            "request_id": f"{rng.getrandbits(128):032x}",
        }
        moment = start + timedelta(days=DAYS) * (number / total)
        record = Record.build(None, f"{facts['method']}_{number % 60}", {}, None, moment, facts)
        is_user = user % 3 > 0
        yield record._replace(
            user_id=user if is_user else None,
            user_repr=f"user{user}" if is_user else "",
            user_state=1 if is_user else 2,
            is_request=True,
            status=facts["status"],
            action="RARE" if number % 10_007 == 0 else record.action,
        ).to_json()


def refuse(batch_id, rejected):
    raise AssertionError(rejected)


def timed(name, call, check, repeats=5):
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - started)
        assert check(result), (name, result)
    print(f"{name:44}{1000 * sorted(times)[len(times) // 2]:9.1f} ms")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=1_000_000)
    total = parser.parse_args().events
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "eventlog"],
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from django.utils import timezone

    from eventlog.contrib.clickhouse.insertion import deliver
    from eventlog.contrib.clickhouse.reader import ClickHouseReader
    from eventlog.contrib.clickhouse.server import Server
    from eventlog.contrib.clickhouse.table import Table
    from eventlog.review.facets import facets

    with TemporaryDirectory(dir=Path.cwd()) as folder:
        table = Table(Server({"interface": "chdb", "path": folder}), "default", "eventlog")
        table.create("MergeTree")
        rng, start = random.Random(7), timezone.now() - timedelta(days=DAYS)
        spent = 0.0
        for first in range(0, total, BATCH):
            lines = [*lines_of(rng, start, first, min(BATCH, total - first), total)]
            started = time.perf_counter()
            deliver(f"{first:012}-1", [lines], table, refuse)
            spent += time.perf_counter() - started
        ((count,),) = table.server.query(f"SELECT count() FROM {table.name}")
        assert count == total
        table.server.command(f"OPTIMIZE TABLE {table.name} FINAL")
        ((size,),) = table.server.query(
            "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'eventlog'"
        )
        print(f"{total:,} events: {total / spent:,.0f} per second, {size / total:.0f} bytes each")
        reader = ClickHouseReader(table)
        now = timezone.now()

        def plan(text):
            search = reader.parse(text)
            assert not search.errors, search.errors
            return search.plan

        cursor = reader.page(size=1).events[0]
        middle = type(reader.page(size=1).older)(start + timedelta(days=90), 0)
        for text in ("", "action:GET_1", "action:RARE", "user:user778", "status:5xx",
                     "path:/orders/777/", "last:7d -status:200"):  # fmt: skip
            wanted = plan(text)
            timed(f"page: {text or 'all'}", lambda w=wanted: reader.page(w), lambda r: r.events)
        timed(
            "page in the middle", lambda: reader.page(older=middle), lambda r: len(r.events) == 100
        )
        for text in ("status:5xx", "path:/orders/777/"):
            wanted = plan(text)
            timed(f"count: {text}", lambda w=wanted: reader.count(w, 1000), lambda r: r)
        for text in ("", "status:5xx"):
            wanted = plan(text)
            timed(
                f"timeline, 30 days: {text or 'all'}",
                lambda w=wanted: reader.timeline(w, now - timedelta(days=30), now),
                lambda r: sum(span.events for span in r.spans),
            )
        timed(
            "facets of 1,000 events",
            lambda: [*facets(reader.page(size=1000).events, str, str)],
            len,
        )
        timed("an event by key", lambda: reader.event(cursor.pk), lambda r: r)
        timed(
            "an event by key and time",
            lambda: reader.event(cursor.pk, cursor.timestamp),
            lambda r: r,
        )
        timed("events of a request", lambda: reader.same_request(cursor), len)

        def overview(days):
            counts = reader.overview(now - timedelta(days=days), now)
            return counts.totals("action"), counts.by_hour(), counts.users

        timed("overview, 30 days", lambda: overview(30), all, 3)
        timed("overview, 180 days", lambda: overview(180), all, 3)


if __name__ == "__main__":
    main()
