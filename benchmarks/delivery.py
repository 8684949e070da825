"""How fast a spool is written to the database, beside the bare statement with the same rows.

Rows a second by the clock, in turns, medians over the rounds. ``--listening`` connects a receiver
to ``event_logged``, for which each event has to be made an object.
"""

import argparse
import gc
import tempfile
import time
from statistics import median

from benchmarks.cost import setup

FACTS = {
    "ip": "203.0.113.7",
    "method": "GET",
    "path": "/shop/orders/7/",
    "route": "shop/orders/<int:pk>/",
    "view": "shop:order-detail",
    "ua": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.6099.71 Safari/537.36",
    "browser": "Chrome 120.0.6099",
    "os": "Linux",
    "device": "PC",
    "device_type": "pc",
    "referer": "https://shop.example/orders/",
    "request_id": "0" * 32,
    "duration_ms": 41.2,
    "status": 200,
}


def empty(connection):
    """Both begin with an empty table, and with nothing of the other's left to be written."""
    from eventlog.models import Log

    Log.objects.all()._raw_delete("default")
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM eventlog_log")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="postgresql", help="sqlite, postgresql or mariadb")
    parser.add_argument("--events", type=int, default=20_000, help="a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--listening", action="store_true")
    args = parser.parse_args()
    teardown = setup(args.database)
    from django.db import connection, transaction

    from eventlog.backends.buffered import BufferedBackend
    from eventlog.backends.rows import COLUMNS, _statement, as_rows
    from eventlog.models import Log
    from eventlog.records import Columns, Record
    from eventlog.signals import event_logged

    records = [Record.build(None, "GET_SHOP_ORDER_DETAIL", FACTS) for _ in range(args.events)]
    rows = list(as_rows(Columns.of(records), connection))
    copying = connection.vendor == "postgresql"

    def heard(**kwargs): ...

    if args.listening:
        event_logged.connect(heard)

    def bare():
        with transaction.atomic(), connection.cursor() as cursor:
            if copying:
                columns = ", ".join(COLUMNS)
                with cursor.copy(f"COPY eventlog_log ({columns}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
            else:
                cursor.executemany(_statement("default"), rows)

    gc.freeze()
    with tempfile.TemporaryDirectory() as folder:
        backend = BufferedBackend(spool=folder, interval=None)
        took = {"bare": [], "ours": []}
        for number in range(args.rounds + 1):
            for record in records:
                backend.write([record])
            for name, run in (("bare", bare), ("ours", backend.flush)):
                empty(connection)
                gc.collect()
                before = time.perf_counter()
                run()
                if number:
                    took[name].append(time.perf_counter() - before)
                assert Log.objects.count() == args.events
        backend.close()
    teardown()
    statement = "COPY" if copying else "executemany"
    ratio = median(b / a for a, b in zip(took["ours"], took["bare"], strict=True))
    print(f"\n{args.database}, {args.events} events a round\n")
    print("| | rows/s | against the bare statement |\n| --- | ---: | ---: |")
    print(f"| bare {statement}, one transaction | {args.events / median(took['bare']):,.0f} | 1 |")
    print(f"| the spool, delivered | {args.events / median(took['ours']):,.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
