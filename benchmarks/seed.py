"""Realistic events of the last half year in a database that is kept.

The same `--seed` gives the same rows, except for their times, which end now. The indexes are
dropped before and created again after the insert.
"""

import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from benchmarks.common import argument_parser, configure, require, require_rows
from benchmarks.rows import COLUMNS, INSERT, SLICE, USERS, WIDGETS, rows


def copy_lines(made) -> Iterator[str]:
    """Yield rows in the text format of COPY."""
    for row in made:
        yield "\t".join([r"\N" if value is None else value for value in row]) + "\n"


def copy(connection, lines, table="eventlog_log") -> None:
    """Insert lines of `copy_lines` by COPY."""
    from django.db import transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone TO 'UTC'")
        with cursor.copy(f"COPY {table} ({', '.join(COLUMNS)}) FROM STDIN") as copying:
            for some in batched(lines, 200):
                copying.write("".join(some))


def executemany(connection, made) -> None:
    """Insert rows by executemany in one transaction."""
    from django.db import transaction

    with transaction.atomic(), connection.cursor() as cursor:
        for some in batched(made, SLICE):
            cursor.executemany(INSERT, some)


def batched(items, size):
    """Yield lists of `size` items, like itertools.batched of Python 3.12."""
    items = iter(items)
    while some := list(islice(items, size)):
        yield some


def own_indexes(connection) -> list[str]:
    """Return the names of the event table's indexes, except the indexes of keys."""
    from eventlog.models import Log

    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, Log._meta.db_table)
    return [
        name
        for name, each in found.items()
        if each["index"] and not each["primary_key"] and not each["foreign_key"]
    ]


def drop_indexes(connection) -> None:
    """Drop the indexes of the event table, except the indexes of keys."""
    from eventlog.models import Log

    names = own_indexes(connection)
    on_table = f" ON {Log._meta.db_table}" if connection.vendor == "mysql" else ""
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute("SET foreign_key_checks = 0")  # MySQL keeps an index per foreign key.
        for name in names:
            cursor.execute(f"DROP INDEX {connection.ops.quote_name(name)}{on_table}")
        if connection.vendor == "mysql":
            cursor.execute("SET foreign_key_checks = 1")


def index_statements(connection) -> dict[str, str]:
    """Return the CREATE INDEX statement of each index of the model, by index name."""
    from django.db.models import Index

    from eventlog.models import Log

    indexes = [
        Index(fields=[field.name], name=f"eventlog_{field.name}")
        for field in Log._meta.local_fields
        if field.db_index and not field.unique and not field.is_relation
    ]
    indexes += Log._meta.indexes
    with connection.schema_editor(collect_sql=True) as editor:
        for index in indexes:
            editor.add_index(Log, index)
    statements = [line for line in editor.collected_sql if line.startswith("CREATE")]
    require(len(statements) == len(indexes), f"{len(indexes)} indexes take {statements}")
    return dict(zip([index.name for index in indexes], statements, strict=True))


def make_indexes(connection, statements: Iterable[str] | None = None) -> None:
    """Create the indexes of `statements`, or all indexes if it is None."""
    if statements is None:
        statements = index_statements(connection).values()
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def prepare() -> None:
    """Create the users and objects of the events, unless they exist."""
    from django.contrib.auth.models import User

    from tests.shop.models import Widget

    if not User.objects.exists():
        User.objects.bulk_create(User(pk=n, username=f"user{n}") for n in range(1, USERS + 1))
        widgets = (Widget(pk=n, name=f"Widget {n}") for n in range(1, WIDGETS + 1))
        Widget.objects.bulk_create(widgets, batch_size=1000)


def seed(connection, count: int, days: int = 180, number: int = 1) -> None:
    """Empty the event table, fill it and check the result."""
    from eventlog.models import Log

    prepare()
    Log.objects.all().delete()
    drop_indexes(connection)
    made = rows(count, days, seed=number)
    if connection.vendor == "postgresql":
        copy(connection, copy_lines(made))
    else:
        executemany(connection, made)
    make_indexes(connection)
    analyze(connection)
    check_seeded(connection, count)


def check_seeded(connection, count: int) -> None:
    """Stop the benchmark unless the event table is complete."""
    from eventlog.models import Log

    require_rows("the seed", Log.objects.count(), count)
    found, expected = len(own_indexes(connection)), len(index_statements(connection))
    require(found >= expected, f"the seeded table has {found} indexes, expected {expected}")
    with_user = Log.objects.filter(user__isnull=False).exists()
    require(with_user or count < 100, "no seeded event has a user")
    requests = Log.objects.filter(is_request=True)
    partial = requests.filter(ip=None) | requests.filter(status=None)
    require(requests.exists(), "no seeded event is the event of a request")
    require(not partial.exists(), "a seeded request has no address or no status")


def analyze(connection) -> None:
    """Refresh the statistics of the database's query planner."""
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute("ANALYZE TABLE eventlog_log")
        else:  # VACUUM leaves the table as autovacuum would.
            cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def use(name: str) -> None:
    """Connect to the database `name`; create it if it is missing, and migrate it."""
    from django.core.management import call_command
    from django.db import connection

    connection.close()
    if connection.vendor == "sqlite":
        folder = os.environ.get("BENCHMARK_FOLDER", tempfile.gettempdir())
        connection.settings_dict["NAME"] = Path(folder) / f"{name}.sqlite3"
    else:
        connection.settings_dict["NAME"] = name
        with connection._nodb_cursor() as cursor:
            if connection.vendor == "mysql":
                cursor.execute(f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4")
            elif not connection.creation._database_exists(cursor, name):
                cursor.execute(f"CREATE DATABASE {name}")
    call_command("migrate", run_syncdb=True, verbosity=0)  # The test app has no migrations.
    from django.contrib.contenttypes.models import ContentType

    ContentType.objects.clear_cache()


def main():
    """Seed a database."""
    parser = argument_parser(__doc__, database="postgresql")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--seed", type=int, default=1, help="seed of the random numbers")
    parser.add_argument("--name", help="database to fill (default: eventlog_review_<rows>)")
    args = parser.parse_args()
    configure(args.database)
    from django.db import connection

    use(args.name or f"eventlog_review_{args.rows}")
    started = time.perf_counter()
    seed(connection, args.rows, args.days, args.seed)
    print(f"{args.rows:,} rows in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
