"""Memory of a process through which a million events pass.

The resident size is taken after a warm-up and at the end, once with a database that answers and
once with a database that does not: the table is locked. The events that are dropped are then
compared with the events EVENTLOG_DROPPED, which the backend writes after the lock is released.
"""

import tempfile
from contextlib import contextmanager
from pathlib import Path

from benchmarks.common import argument_parser, fail, require, require_rows, setup
from benchmarks.request_event import ACTION, request_record

SPOOL_LIMIT_BYTES = 100_000_000
# A statement that locks the table until the transaction ends, or until UNLOCK TABLES.
LOCKS = {
    "postgresql": "LOCK TABLE eventlog_log IN ACCESS EXCLUSIVE MODE",
    "sqlite": "UPDATE eventlog_log SET action = action WHERE id < 0",
    "mysql": "LOCK TABLES eventlog_log WRITE",
}


def resident_megabytes():
    """Return the resident size of this process in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    fail("/proc/self/status has no VmRSS. Run this benchmark on Linux.")
    return None


def write(backend, count):
    """Write `count` events to the backend."""
    for number in range(count):
        backend.write([request_record(number=number)])


@contextmanager
def locked_table():
    """Keep the table locked for other connections."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCKS[connection.vendor])
        yield
        if connection.vendor == "mysql":
            cursor.execute("UNLOCK TABLES")


def measure_with_database(directory, events):
    """Print the growth while the events are delivered."""
    from eventlog.backends.buffered import BufferedBackend
    from eventlog.models import Log

    backend = BufferedBackend(spool=f"{directory}/up")
    write(backend, events // 10)
    backend.flush()
    before = resident_megabytes()
    write(backend, events)
    backend.flush()
    after = resident_megabytes()
    backend.close()
    total = events // 10 + events
    require_rows("the buffered backend", Log.objects.count(), total)
    print(f"database answers: {before:.0f} MB after {events // 10:,} events, ", end="")
    print(f"{after:.0f} MB after {total:,}; {total:,} rows")


def measure_without_database(directory, events, max_bytes):
    """Print the growth while the spool fills up to its limit."""
    from eventlog.backends.buffered import BufferedBackend
    from eventlog.models import Log

    backend = BufferedBackend(spool=f"{directory}/down", max_bytes=max_bytes)
    before_lock = Log.objects.filter(action=ACTION).count()
    with locked_table():
        write(backend, events // 10)
        before = resident_megabytes()
        write(backend, events)
        after, waiting = resident_megabytes(), backend.status()
    require(
        0 < waiting.bytes <= max_bytes,
        f"the spool holds {waiting.bytes:,} bytes; its limit is {max_bytes:,}",
    )
    backend.flush()
    backend.close()
    delivered = Log.objects.filter(action=ACTION).count() - before_lock
    dropped = sum(Log.objects.action("EVENTLOG_DROPPED").values_list("extra__count", flat=True))
    total = events // 10 + events
    require_rows("the buffered backend, after the lock", delivered, waiting.events)
    require(
        delivered + dropped == total,
        f"{delivered:,} events were delivered and {dropped:,} dropped, of {total:,} written",
    )
    print(f"database locked: {before:.0f} MB, then {after:.0f} MB; the spool held ", end="")
    print(f"{waiting.bytes / 1e6:.1f} of {max_bytes / 1e6:.1f} MB, ", end="")
    print(f"{dropped:,} events were dropped and counted")


def main():
    """Measure both cases."""
    parser = argument_parser(__doc__, database="sqlite")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument(
        "--max-bytes", type=int, default=SPOOL_LIMIT_BYTES, help="limit of the spool"
    )
    args = parser.parse_args()
    teardown = setup(args.database)
    try:
        with tempfile.TemporaryDirectory() as directory:
            measure_with_database(directory, args.events)
            measure_without_database(directory, args.events, args.max_bytes)
    finally:
        teardown()


if __name__ == "__main__":
    main()
