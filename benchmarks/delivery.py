"""Rows per second from the spool to the database, compared with a bare statement.

Both write the same rows in turns. Figures are medians over the rounds, by the clock.
`--listening` connects a receiver to `event_logged`, so every event becomes an object.
"""

import gc
import tempfile
from statistics import median

from benchmarks.common import (
    argument_parser,
    print_table,
    ratio,
    require,
    setup,
    take_turns,
    timed,
)
from benchmarks.request_event import bare_row, check_table, empty, request_record


def main():
    """Measure both writers and print the table."""
    parser = argument_parser(__doc__, database="postgresql")
    parser.add_argument("--events", type=int, default=20_000, help="events per round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--listening", action="store_true", help="connect a signal receiver")
    args = parser.parse_args()
    teardown = setup(args.database)
    from django.db import connection, transaction

    from eventlog.backends.buffered import BufferedBackend
    from eventlog.signals import event_logged

    records = [request_record() for _ in range(args.events)]
    columns = ", ".join(bare_row(records[0]))
    rows = [[*bare_row(record).values()] for record in records]
    places = ", ".join(["%s"] * len(rows[0]))
    copying = connection.vendor == "postgresql"
    received = [0]

    def receive(**kwargs):
        received[0] += 1

    if args.listening:
        event_logged.connect(receive)

    def bare():
        with transaction.atomic(), connection.cursor() as cursor:
            if copying:
                with cursor.copy(f"COPY eventlog_log ({columns}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
            else:
                cursor.executemany(f"INSERT INTO eventlog_log ({columns}) VALUES ({places})", rows)

    def bare_round():
        empty(connection)
        seconds = timed(bare)
        check_table("bare statement", args.events)
        return seconds

    def delivered_round():
        for record in records:
            backend.write([record])
        empty(connection)
        received[0] = 0
        seconds = timed(backend.flush)
        check_table("delivery from the spool", args.events)
        expected = args.events if args.listening else 0
        require(received[0] == expected, f"{received[0]} signals were sent, expected {expected}")
        return seconds

    gc.freeze()
    statement = f"bare {'COPY' if copying else 'executemany'}, one transaction"
    try:
        with tempfile.TemporaryDirectory() as directory:
            backend = BufferedBackend(spool=directory, interval=None)
            runs = {statement: bare_round, "delivery from the spool": delivered_round}
            took = take_turns(runs, args.rounds)
            backend.close()
    finally:
        teardown()
    print_table(
        f"{args.database}, {args.events} events per round",
        ["", "rows/s", "ratio to the bare statement"],
        (
            [name, f"{args.events / median(each):,.0f}", ratio(took[statement], each)]
            for name, each in took.items()
        ),
    )


if __name__ == "__main__":
    main()
