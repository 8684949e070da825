"""How long the server takes for the pages where events are read, and how that grows.

The whole response, by the clock, medians; the databases are those of benchmarks.seed, seeded when
missing. ``--fresh`` seeds them again, so that the last day has events.
"""

import argparse
import time
from statistics import median

from benchmarks import seed

LIST = "/admin/eventlog/log/"
PAGES = [  # what to call it, and its address; what is in braces is looked up, see known()
    ("first page", LIST),
    ("page 100", LIST + "?p=100"),
    ("a frequent action", LIST + "?action__exact=GET_SHOP_PRODUCT"),
    ("a rare action", LIST + "?action__exact=DELETE_USER"),
    ("a busy user", LIST + "?user__exact=1"),
    ("a quiet user", LIST + "?user__exact=900"),
    ("an object", LIST + "?content_type__exact={kind}&object_id__exact={object_id}"),
    ("anonymous", LIST + "?who=anonymous"),
    ("last day", LIST + "?period=day"),
    ("last month", LIST + "?period=month"),
    ("last month of a user", LIST + "?period=month&user__exact=1"),
    ("search: a user", LIST + "?q=user7"),
    ("search: an action", LIST + "?q=LOGIN_FAILED"),
    ("search: actions that begin so", LIST + "?q=LOGIN*"),
    ("search: nothing found", LIST + "?q=nobody"),
    (
        "a request",
        LIST + "?extra__request_id={request_id}&timestamp__gte={before}&timestamp__lt={after}",
    ),
    ("an event", LIST + "{pk}/change/"),
]


def known() -> dict[str, str]:
    """What the addresses are about: things of the first half of the table."""
    from datetime import timedelta
    from urllib.parse import quote

    from eventlog.models import Log

    first = Log.objects.order_by("id").first().pk
    half = Log.objects.filter(pk__gte=first + (Log.objects.last().pk - first) // 2).order_by("id")
    event, about = half[0], half.filter(object_id__isnull=False)[0]
    facts = event.extra | {
        "pk": event.pk,
        "kind": about.content_type_id,
        "object_id": about.object_id,
        "before": (event.timestamp - timedelta(days=1)).isoformat(),
        "after": (event.timestamp + timedelta(days=1)).isoformat(),
    }
    return {key: quote(str(value)) for key, value in facts.items()}


def superuser_client():
    from django.contrib.auth.models import User
    from django.test import Client

    if not User.objects.filter(username="reader").exists():
        User.objects.create_superuser("reader", pk=seed.USERS + 1)
    client = Client()
    client.force_login(User.objects.get(username="reader"))
    return client


def measure(client, pages, times, facts, warm_up=2, most=None):
    """Milliseconds and queries of each page; once is enough for one that takes ``most`` seconds."""
    from django.db import OperationalError, connection
    from django.test.utils import CaptureQueriesContext

    def get(address):
        before = time.perf_counter()
        response = client.get(address)
        body = response.getvalue()
        took = (time.perf_counter() - before) * 1000
        assert response.status_code == 200 and body, (address, response)
        return took

    found = {}
    for name, address in pages:
        address = address.format(**facts)
        with CaptureQueriesContext(connection) as queries:
            try:
                first = get(address)
            except OperationalError:  # the database gave it up
                first = float("inf")
        asked = len(queries)  # before the next request empties it
        if most and first > most * 1000:
            found[name] = first, asked
            continue
        for _ in range(warm_up - 1):
            get(address)
        found[name] = median(get(address) for _ in range(times)), asked
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="postgresql", help="sqlite, postgresql or mariadb")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--fresh", action="store_true")
    args = parser.parse_args()
    seed.setup(args.database)
    from django.db import connection
    from django.test import override_settings

    from eventlog.models import Log

    found = {}
    for rows in args.rows:
        seed.use(f"eventlog_review_{rows}")
        if args.fresh or not Log.objects.exists():
            seed.seed(connection, rows)
        with override_settings(EVENTLOG={"REQUESTS": []}):
            found[rows] = measure(superuser_client(), PAGES, args.times, known())
    few, many = min(args.rows), max(args.rows)
    print(f"\n{args.database}, milliseconds, medians of {args.times}\n")
    sizes = "".join(f" {rows:,} rows |" for rows in args.rows)
    print(f"| page | queries |{sizes} {many:,} against {few:,} |")
    print("| --- | ---: |" + " ---: |" * len(args.rows) + " ---: |")
    for name, _ in PAGES:
        figures = "".join(f" {found[rows][name][0]:.1f} |" for rows in args.rows)
        ratio = found[many][name][0] / found[few][name][0]
        print(f"| {name} | {found[many][name][1]} |{figures} {ratio:.2f} |")


if __name__ == "__main__":
    main()
