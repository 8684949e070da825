"""A table of realistic events of the last half year, in a database of that name, which is kept.

The same rows for the same ``--seed``, but for the time, which ends now. The indexes are dropped
before and made again after, where the database lets them.
"""

import argparse
import json
import os
import random
import re
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import accumulate, islice
from pathlib import Path

USERS, OBJECTS, ADDRESSES, PATHS, DURATIONS = 1000, 20_000, 50_000, 5000, 4096
WIDGETS = OBJECTS - USERS  # the other objects are users
SLICE = 10_000  # rows
# As in eventlog.backends.rows, which a site without our models cannot import.
COLUMNS = ["timestamp", "action", "user_id", "user_repr", "content_type_id", "object_id"]
COLUMNS += ["object_repr", "extra"]
BY_THE_HOUR = [3, 2, 1, 1, 1, 2, 4, 7, 10, 12, 13, 13, 12, 13, 13, 12, 12, 11, 11, 12, 13, 11, 8, 5]
METHODS = {"GET": 850, "POST": 120, "HEAD": 15, "PUT": 10, "DELETE": 5}
STATUSES = {200: 8800, 201: 165, 302: 500, 404: 400, 403: 100, 500: 30, 503: 5}
VIEWS = [  # the path, its route, the name of the view
    ("/shop/{}/", "shop/<int:pk>/", "shop:product"),
    ("/shop/tags/{}/", "shop/tags/<int:pk>/", "shop:tag"),
    ("/orders/7/{}/", "orders/7/<int:line>/", "orders:line"),
    ("/orders/{}/", "orders/<int:pk>/", "orders:detail"),
    ("/api/products/{}/", "api/products/<int:pk>/", "api:product"),
    ("/api/v2/stock/{}/", "api/v2/stock/<int:pk>/", "api:stock"),
]
LOGGED = {  # by log(), of a hundred thousand
    "ADDED_TO_BASKET": 50_000,
    "LOGIN": 20_000,
    "PLACED_ORDER": 12_000,
    "LOGOUT": 8000,
    "PAID_ORDER": 7000,
    "LOGIN_FAILED": 2000,
    "CHANGED_ADDRESS": 500,
    "CANCELLED_ORDER": 300,
    "CHANGED_PASSWORD": 150,
    "EXPORTED": 40,
    "DELETE_USER": 10,
}
CHROME = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0{} Safari/537.36"
FIREFOX = "Mozilla/5.0 ({0}; rv:{1}.0) Gecko/20100101 Firefox/{1}.0"
SAFARI = (
    "Mozilla/5.0 ({}; CPU OS {}_{} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/{}.{} Mobile/15E148 Safari/604.1"
)
SYSTEMS = {
    "Windows NT 10.0; Win64; x64": "Windows 10",
    "Macintosh; Intel Mac OS X 10_15_7": "Mac OS X 10.15.7",
    "X11; Linux x86_64": "Linux",
}
ANDROIDS = {"Pixel 8": "mobile", "SM-S911B": "mobile", "SM-X710": "tablet"}
BOTS = ["Googlebot", "bingbot", "AhrefsBot", "YandexBot", "PetalBot"]


def agents() -> list[str]:
    """400 user agents and what is known of each, as the inside of a JSON object."""
    known = []
    for n in range(40):
        for system, name in SYSTEMS.items():
            new = 90 + n
            known.append((CHROME.format(system, new, ""), f"Chrome {new}.0.0", name, "PC", "pc"))
            known.append((FIREFOX.format(system, new), f"Firefox {new}.0", name, "PC", "pc"))
        for device, kind in (("iPhone", "mobile"), ("iPad", "tablet")):
            major, minor = 13 + n // 8, n % 8
            ua = SAFARI.format(device, major, minor, major, minor)
            browser = f"Mobile Safari {major}.{minor}"
            known.append((ua, browser, f"iOS {major}.{minor}", device, kind))
        device, kind = list(ANDROIDS.items())[n % len(ANDROIDS)]
        system = f"Linux; Android {9 + n // 8}; {device}"
        mobile = " Mobile" if kind == "mobile" else ""
        ua, browser = CHROME.format(system, 90 + n, mobile), f"Chrome Mobile {90 + n}.0.0"
        known.append((ua, browser, f"Android {9 + n // 8}", device, kind))
        bot = BOTS[n % len(BOTS)]
        ua = f"Mozilla/5.0 (compatible; {bot}/{n // 5 + 1}.0; +https://bots.example/{bot}.html)"
        known.append((ua, f"{bot} {n // 5 + 1}.0", "Other", "Spider", "bot"))
    known[-8:] = [(f"curl/8.{n}.0", f"curl 8.{n}.0", "Other", "Other", "other") for n in range(8)]
    keys = ("ua", "browser", "os", "device", "device_type")
    return [inside(dict(zip(keys, values, strict=True))) for values in known]


def inside(facts) -> str:
    text = json.dumps(facts, separators=(",", ":"))[1:-1]
    assert "\\" not in text, text  # or COPY had to be told of it
    return text


def zipf(values):
    """What ``random.choices`` takes: each value half as often as the one of half its rank."""
    return values, list(accumulate(1 / rank for rank in range(1, len(values) + 1)))


def weighted(counts):
    return list(counts), list(accumulate(counts.values()))


def moments(count: int, start: datetime, days: int) -> Iterator[float]:
    """Ever later, more by day than by night and fewer on Sundays."""
    weights = []
    for hour in range(days * 24):
        moment = start + timedelta(hours=hour)
        weights.append(BY_THE_HOUR[moment.hour] * (0.5 if moment.weekday() == 6 else 1))
    share, done, begun, first = count / sum(weights), 0, 0.0, start.timestamp()
    for hour, weight in enumerate(weights):
        begun += weight * share
        here = round(begun) - done
        for n in range(here):
            yield first + (hour + n / here) * 3600
        done += here


def rows(count: int, days: int = 180, end: datetime | None = None, seed: int = 1):
    """Values for ``COLUMNS``, as text; users and objects are as prepared."""
    from django.contrib.auth.models import User
    from django.contrib.contenttypes.models import ContentType

    from tests.shop.models import Widget

    start = (end or datetime.now(UTC)) - timedelta(days=days)
    # Asked here, as during a COPY the connection answers no question.
    kinds = [str(ContentType.objects.get_for_model(model).pk) for model in (Widget, User)]
    return _rows(random.Random(seed), count, start, days, *kinds)


def _rows(rng, count, start, days, widget, user):
    objects = [(widget, str(pk), f"Widget {pk}") for pk in range(1, WIDGETS + 1)]
    objects += [(user, str(pk), f"user{pk}") for pk in range(1, USERS + 1)]
    paths = []
    for number in range(PATHS):
        path, route, view = VIEWS[number % len(VIEWS)]
        facts = inside({"path": path.format(number + 1), "route": route, "view": view})
        paths.append((facts, "_" + view.upper().replace(":", "_")))
    addresses = [".".join(map(str, rng.randbytes(4))) for _ in range(ADDRESSES)]
    durations = [round(rng.lognormvariate(3.5, 1), 1) for _ in range(DURATIONS)]
    clients = agents()
    for pool in (objects, clients):
        rng.shuffle(pool)
    pools = {
        "user": zipf([(str(pk), f"user{pk}") for pk in range(1, USERS + 1)]),
        "object": zipf(objects),
        "address": zipf(addresses),
        "path": zipf(paths),
        "client": zipf(clients),
        "method": weighted(METHODS),
        "status": weighted(STATUSES),
        "logged": weighted(LOGGED),
        "took": (durations, range(1, DURATIONS + 1)),
    }
    when = moments(count, start, days)
    chance, bits = rng.random, rng.getrandbits
    request_id = f"{bits(128):032x}"
    nobody, nothing = (None, ""), (None, None, "")
    for done in range(0, count, SLICE):
        size = min(SLICE, count - done)
        chosen = (rng.choices(pool, cum_weights=w, k=size) for pool, w in pools.values())
        for user, what, ip, (path, view), client, method, status, logged, took in zip(
            *chosen, strict=True
        ):
            # Some were written by another process, a moment late.
            moment = datetime.fromtimestamp(next(when) - (chance() < 0.1) * chance(), UTC)
            user_id, user_repr = user if chance() < 0.3 else nobody
            kind, object_id, object_repr = what if chance() < 0.05 else nothing
            if chance() < 0.1:  # by log(), within the request before
                action = logged
                own = f'"title":"Foo {bits(8)}",'
                answer = ""
            else:
                request_id = f"{bits(128):032x}"
                action = method + view
                own = ""
                answer = f',"status":{status},"duration_ms":{took}'
            referer = '"referer":"https://shop.example/shop/",' if chance() < 0.3 else ""
            yield (
                moment.isoformat(" ")[:-6],  # UTC, as SQLite and MariaDB take it
                action,
                user_id,
                user_repr,
                kind,
                object_id,
                object_repr,
                f'{{{own}"ip":"{ip}","method":"{method}",{path},{client},{referer}'
                f'"request_id":"{request_id}"{answer}}}',
            )


def copy_lines(made) -> Iterator[str]:
    """``rows()`` in the text format of COPY."""
    for row in made:
        yield "\t".join([r"\N" if value is None else value for value in row]) + "\n"


def copy(connection, lines, table="eventlog_log") -> None:
    from django.db import transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone TO 'UTC'")
        with cursor.copy(f"COPY {table} ({', '.join(COLUMNS)}) FROM STDIN") as copying:
            for some in batched(lines, 200):
                copying.write("".join(some))


def executemany(connection, made) -> None:
    from django.db import transaction

    from eventlog.backends.rows import _statement

    with transaction.atomic(), connection.cursor() as cursor:
        for some in batched(made, SLICE):
            cursor.executemany(_statement(connection.alias), some)


def batched(items, size):
    """itertools.batched, of Python 3.12."""
    items = iter(items)
    while some := list(islice(items, size)):
        yield some


def drop_indexes(connection) -> None:
    """All but the primary key."""
    from eventlog.models import Log

    table = Log._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute("SET foreign_key_checks = 0")  # it wants an index for each foreign key
        found = connection.introspection.get_constraints(cursor, table)
        for name, is_ in found.items():
            if is_["index"] and not is_["primary_key"] and not is_["foreign_key"]:
                on = f" ON {table}" if connection.vendor == "mysql" else ""
                cursor.execute(f"DROP INDEX {connection.ops.quote_name(name)}{on}")
        if connection.vendor == "mysql":
            cursor.execute("SET foreign_key_checks = 1")


def index_statements(connection) -> dict[str, str]:
    """What makes each index: Django for those of the model, migration 0005 for the others."""
    from eventlog.models import Log

    with connection.schema_editor(collect_sql=True) as editor:
        statements = [str(statement) for statement in editor._model_indexes_sql(Log)]
    review = import_module("eventlog.migrations.0005_review")
    statements += [sql for sql in review.INDEXES[connection.vendor] if sql.startswith("CREATE")]
    return {re.search(r"INDEX\W+(\w+)", statement)[1]: statement for statement in statements}


def make_indexes(connection, statements=None) -> None:
    with connection.cursor() as cursor:
        for statement in statements or index_statements(connection).values():
            cursor.execute(statement)


def prepare() -> None:
    """The users and objects that the events are about, once."""
    from django.contrib.auth.models import User

    from tests.shop.models import Widget

    if not User.objects.exists():
        User.objects.bulk_create(User(pk=n, username=f"user{n}") for n in range(1, USERS + 1))
        widgets = (Widget(pk=n, name=f"Widget {n}") for n in range(1, WIDGETS + 1))
        Widget.objects.bulk_create(widgets, batch_size=1000)


def seed(connection, count: int, days: int = 180, number: int = 1) -> None:
    """Empty the table of events and fill it."""
    from eventlog.models import Log

    prepare()
    Log.objects.all()._raw_delete(connection.alias)
    drop_indexes(connection)
    made = rows(count, days, seed=number)
    if connection.vendor == "postgresql":
        copy(connection, copy_lines(made))
    else:
        executemany(connection, made)
    make_indexes(connection)
    analyze(connection)


def analyze(connection) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute("ANALYZE TABLE eventlog_log")
        else:  # as autovacuum would have left it
            cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def setup(database: str, settings: str = "benchmarks.settings") -> None:
    """Django, with no database yet."""
    os.environ["EVENTLOG_TEST_DB"] = database
    os.environ["DJANGO_SETTINGS_MODULE"] = settings
    os.environ.setdefault("BENCHMARK_SQLITE", "unused")
    import django

    django.setup()


def use(name: str) -> None:
    """Connect to the database of this name, migrated; made if missing."""
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
    call_command("migrate", run_syncdb=True, verbosity=0)  # the shop has no migrations
    from django.contrib.contenttypes.models import ContentType

    ContentType.objects.clear_cache()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="postgresql", help="sqlite, postgresql or mariadb")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--name", help="of the database; eventlog_review_<rows> without one")
    args = parser.parse_args()
    setup(args.database)
    from django.db import connection

    use(args.name or f"eventlog_review_{args.rows}")
    before = time.perf_counter()
    seed(connection, args.rows, args.days, args.seed)
    print(f"{args.rows:,} rows in {time.perf_counter() - before:.0f} s")


if __name__ == "__main__":
    main()
