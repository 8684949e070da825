"""Time of the retention rules for a million events, compared with one plain statement.

The plain statement changes the same events in one transaction, which is rolled back. The command
works in batches of its default size, without pauses. The database is one of benchmarks.seed.
"""

import time
from io import StringIO

from benchmarks import seed
from benchmarks.common import argument_parser, configure, print_table, require

NO_EVENTS = {"ACCESS": {"prune": False}}
ANONYMIZE = [
    {"action": "GET_*", "anonymize": "1d"},
    {"search": "is:request", "anonymize": "1d"},
]
DELETE = [{"action": "GET_*", "keep": "1d"}, {"search": "is:request", "keep": "1d"}]


def timed_run(rules, *arguments):
    """Return the seconds and the last line of the output of a run."""
    from django.core.management import call_command
    from django.test import override_settings

    out = StringIO()
    started = time.perf_counter()
    with override_settings(EVENTLOG=NO_EVENTS | {"RETENTION": rules}):
        call_command("eventlog_prune", "--pause=0", *arguments, stdout=out)
    return time.perf_counter() - started, out.getvalue().splitlines()[-1]


def timed_statement(change):
    """Return the seconds and the number of rows of a statement, which is rolled back."""
    from django.db import connection, transaction

    with transaction.atomic():
        started = time.perf_counter()
        count = change()
        seconds = time.perf_counter() - started
        transaction.set_rollback(True)
    seed.analyze(connection)
    return seconds, count


def measure(name, rules, change):
    """Return the lines of the table for rules and the plain statement with the same effect."""
    plain, count = timed_statement(change)
    dry, expected = timed_run(rules, "--dry-run")
    took, done = timed_run(rules)
    again, nothing = timed_run(rules)
    require(done == expected.replace("would be ", ""), f"{done!r} is not {expected!r}")
    require(str(count) in done, f"{count:,} events were to be changed, but: {done}")
    require(nothing.startswith("0 events") and ", 0 events" in nothing, nothing)
    seconds = (("plain statement", plain), ("dry run", dry), ("run", took), ("next run", again))
    return [
        [f"{name}: {what}", f"{count:,}", f"{s:.2f}", f"{s / plain:.2f}"] for what, s in seconds
    ]


def main():
    """Measure both actions and print the table."""
    parser = argument_parser(__doc__, database="postgresql")
    parser.add_argument("--rows", type=int, default=1_120_000)
    args = parser.parse_args()
    configure(args.database)
    seed.use(f"eventlog_retention_{args.rows}")
    from django.db import connection
    from django.db.models import QuerySet
    from django.utils import timezone

    from eventlog.datetimes import DAY, hour_of
    from eventlog.models import CountedHour, Log
    from eventlog.models.expressions import WithoutKeys
    from eventlog.retention.anonymize import REMOVED_KEYS

    seed.seed(connection, args.rows)
    CountedHour.objects.all().delete()
    end = hour_of(timezone.now() - DAY)
    requests = QuerySet(Log).filter(is_request=True, timestamp__lt=end).order_by()
    removed = {"user": None, "user_repr": "", "ip": None, "extra": WithoutKeys(*REMOVED_KEYS)}
    lines = measure("anonymize", ANONYMIZE, lambda: requests.update(**removed))
    seed.analyze(connection)
    lines += measure("delete", DELETE, lambda: requests._raw_delete("default"))
    title = f"{args.database}: rules for {args.rows:,} events, by action and by search"
    print_table(title, ["", "events", "seconds", "ratio"], lines)


if __name__ == "__main__":
    main()
