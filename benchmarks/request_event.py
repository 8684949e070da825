"""The event of one request as the middleware makes it, for benchmarks that send no requests."""

import json

from benchmarks.common import require, require_rows

ACTION = "GET_SHOP_ORDER_DETAIL"
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


def request_record(**more):
    """Return the record of the request; `more` are further facts."""
    from eventlog.records.record import Record

    record = Record.build(None, ACTION, facts=FACTS | more)
    return record._replace(is_request=True, status=FACTS["status"])


def bare_row(record):
    """Return the values of a row for a record of `request_record`, as text, by column."""
    return {
        # SQLite and MariaDB store UTC without an offset.
        "timestamp": record.timestamp.isoformat(" ")[:-6],
        "action": ACTION,
        "user_repr": "",
        "user_state": None if record.user_state is None else str(record.user_state),
        "object_repr": "",
        "is_request": "1",
        "ip": record.ip,
        "status": str(record.status),
        "own_keys": "",
        "uid": record.uid,
        "extra": json.dumps(FACTS, separators=(",", ":")),
    }


def empty(connection):
    """Empty the table, and leave the database nothing to write that belongs to earlier rounds."""
    from eventlog.models import Log

    Log.objects.all().delete()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM eventlog_log")


def check_table(name, events):
    """Stop the benchmark unless the table holds `events` rows of `request_record`."""
    from eventlog.models import Log

    require_rows(name, Log.objects.count(), events)
    row = Log.objects.order_by("-pk")[0]
    stored = row.action, row.is_request, row.ip, row.status, row.own_keys, row.extra
    expected = ACTION, True, FACTS["ip"], FACTS["status"], "", FACTS
    require(row.uid is not None, f"{name!r} wrote no uid")
    require(stored == expected, f"{name!r} wrote {stored}, expected {expected}")
