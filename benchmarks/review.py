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
    ("a page in the middle", LIST + "?older={place}"),
    ("the last page", LIST + "?older={end}"),
    ("a busy user", LIST + "?q=user:user1"),
    ("a quiet user", LIST + "?q=user:user900"),
    ("a user's page in the middle", LIST + "?q=user:user1&older={place}"),
    ("an object", LIST + "?q=obj:{kind}:{object_id}"),
    ("a frequent action", LIST + "?q=action:GET_SHOP_PRODUCT"),
    ("a rare action", LIST + "?q=action:DELETE_USER"),
    ("actions that begin so", LIST + "?q=action:LOGIN*"),
    ("an address", LIST + "?q=ip:{ip}"),
    ("a network", LIST + "?q=ip:{network}"),
    ("status 4xx", LIST + "?q=status:4xx"),
    ("status 5xx", LIST + "?q=status:5xx"),
    ("status 503", LIST + "?q=status:503"),
    ("status 2xx", LIST + "?q=status:2xx"),
    ("anonymous", LIST + "?q=is:anonymous"),
    ("bots", LIST + "?q=is:bot"),
    ("method POST", LIST + "?q=method:POST"),
    ("method DELETE", LIST + "?q=method:DELETE"),
    ("device tablet", LIST + "?q=device:tablet"),
    ("a path", LIST + "?q=path:/orders/"),
    ("a key of extra", LIST + "?q=extra.title:Foo"),
    ("nothing of the kind", LIST + "?q=extra.title:Bar"),
    ("last 24 h", LIST + "?q=last:24h"),
    ("last 30 d of a user", LIST + "?q=last:30d%20user:user1"),
    ("five at once", LIST + "?q=user:user1%20method:POST%20status:2xx%20is:human%20last:30d"),
    ("a word", LIST + "?q=login"),
    ("actions counted, 30 d", LIST + "?q=last:30d&pick=action"),
    ("an event", LIST + "{pk}/change/"),
    ("overview, 24 h", LIST + "overview/?period=24h"),
    ("overview, 30 d", LIST + "overview/?period=30d"),
    ("overview, 180 d", LIST + "overview/?period=180d"),
    ("overview, 180 d, by action", LIST + "overview/?period=180d&by=action"),
]


def known() -> dict[str, str]:
    """What the addresses are about: things of the first half of the table."""
    from datetime import timedelta
    from urllib.parse import quote

    from eventlog.models import Log

    first, last = Log.objects.order_by("id").first(), Log.objects.order_by("id").last()
    half = Log.objects.filter(pk__gte=first.pk + (last.pk - first.pk) // 2).order_by("id")
    event = half.filter(extra__ip__isnull=False)[0]
    about = half.filter(object_id__isnull=False).select_related("content_type")[0]
    facts = event.extra | {
        "pk": event.pk,
        "kind": f"{about.content_type.app_label}.{about.content_type.model}",
        "object_id": about.object_id,
        "place": f"{event.timestamp.isoformat()}~{event.pk}",
        "end": f"{(first.timestamp + timedelta(minutes=30)).isoformat()}~{first.pk}",
        "network": event.extra["ip"].rpartition(".")[0] + ".0/24",
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
    from django.core.management import call_command
    from django.db import connection
    from django.test import override_settings

    from eventlog.models import Log

    found = {}
    for rows in args.rows:
        seed.use(f"eventlog_review_{rows}")
        if args.fresh or not Log.objects.exists():
            seed.seed(connection, rows)
        call_command("eventlog_count", verbosity=0)
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
