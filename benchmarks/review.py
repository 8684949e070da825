"""Time of the admin's pages that show events, by the number of events.

The whole response by the clock. Figures are medians, with minimum and maximum for the ratios. The
databases come from benchmarks.seed, and are seeded if they are missing. `--fresh` seeds them
again, so that the last day has events.
"""

import time
from statistics import median

from benchmarks import seed
from benchmarks.common import (
    Spread,
    argument_parser,
    configure,
    print_table,
    require,
    require_page,
    require_rows,
)
from benchmarks.rows import USERS

LIST = "/admin/eventlog/log/"
PAGES = [  # name and address; known() gives the values in braces
    ("first page", LIST),
    ("a page in the middle", LIST + "?older={place}"),
    ("the last page", LIST + "?older={end}"),
    ("a busy user", LIST + "?q=user:user1"),
    ("a quiet user", LIST + "?q=user:user900"),
    ("a user's page in the middle", LIST + "?q=user:user1&older={place}"),
    ("an object", LIST + "?q=obj:{kind}:{object_id}"),
    ("a frequent action", LIST + "?q=action:GET_SHOP_PRODUCT"),
    ("a rare action", LIST + "?q=action:DELETE_USER"),
    ("actions with a prefix", LIST + "?q=action:LOGIN*"),
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
    ("a key of extra", LIST + "?q=extra.title:%22Foo%207%22"),
    ("a value that no event has", LIST + "?q=extra.title:Bar"),
    ("last 24 h", LIST + "?q=last:24h"),
    ("last 30 d of a user", LIST + "?q=last:30d%20user:user1"),
    ("five at once", LIST + "?q=user:user1%20method:POST%20status:2xx%20is:human%20last:30d"),
    ("a word", LIST + "?q=login"),
    ("not a user", LIST + "?q=-user:user1"),
    ("not an action, nor a status", LIST + "?q=-action:GET_*%20-status:200"),
    ("a user or an address", LIST + "?q=user:user1%20OR%20ip:{ip}"),
    ("a user or a path", LIST + "?q=user:user1%20OR%20path:/orders/"),
    ("status of 500 and above", LIST + "?q=status:%3E%3D500"),
    ("slow requests", LIST + "?q=duration:%3E200ms"),
    ("a view", LIST + "?q=view:shop:*"),
    ("a browser", LIST + "?q=browser:firefox"),
    ("requests without an error", LIST + "?q=is:request%20-has:exception"),
    ("events only", LIST + "?q=is:event"),  # ?show=events would be remembered for the next pages
    ("the oldest events", LIST + "?newer=0001-01-04T01:00:00%2B00:00~0"),
    ("facets", LIST + "?facets=1"),
    ("facets of an address", LIST + "?facets=1&q=ip:{ip}"),
    ("facets of a path", LIST + "?facets=1&q=path:/orders/"),
    ("columns", LIST + "?columns=time,user,view,extra.title"),
    ("actions counted, 30 d", LIST + "?q=last:30d&pick=action"),
    ("an event", LIST + "{pk}/change/?at={at}"),
    ("overview, 24 h", LIST + "overview/?period=24h"),
    ("overview, 30 d", LIST + "overview/?period=30d"),
    ("overview, 180 d", LIST + "overview/?period=180d"),
    ("overview, 180 d, by action", LIST + "overview/?period=180d&by=action"),
]


# A text that a page with the intended content has, and a page without it lacks.
LIST_TEXT = 'id="result_list"'
OVERVIEW_TEXT, EVENT_TEXT = 'class="chart"', "submit-row"
# In a small table these searches can be empty, so only their search form is checked.
SPARSE_TEXT = 'id="searchbar"'
SPARSE_PAGES = {"a quiet user", "a rare action", "status 503", "method DELETE", "five at once"}
# Seeded events do not tell whether a visitor was anonymous.
SPARSE_PAGES |= {"a value that no event has", "anonymous"}


def text_of(name: str, address: str) -> str:
    """Return the text that shows that a page has the intended content."""
    if name in SPARSE_PAGES:
        return SPARSE_TEXT
    if "/overview/" in address:
        return OVERVIEW_TEXT
    return EVENT_TEXT if "/change/" in address else LIST_TEXT


def known() -> dict[str, str]:
    """Return values for the addresses, from the second half of the table."""
    from datetime import timedelta

    from eventlog.models import Log

    first, last = Log.objects.order_by("id").first(), Log.objects.order_by("id").last()
    half = Log.objects.filter(pk__gte=first.pk + (last.pk - first.pk) // 2).order_by("id")
    event = half.filter(extra__ip__isnull=False)[0]
    about = half.filter(object_id__isnull=False).select_related("content_type")[0]
    return values_of(
        event, about, f"{(first.timestamp + timedelta(minutes=30)).isoformat()}~{first.pk}"
    )


def values_of(event, about, end: str) -> dict[str, str]:
    """Return the values of the addresses: of a request, of an event with an object, and an end."""
    from urllib.parse import quote

    facts = event.extra | {
        "pk": event.pk,
        "at": event.timestamp.isoformat(),
        "kind": f"{about.content_type.app_label}.{about.content_type.model}",
        "object_id": about.object_id,
        "place": f"{event.timestamp.isoformat()}~{event.pk}",
        "end": end,
        "network": event.extra["ip"].rpartition(".")[0] + ".0/24",
    }
    return {key: quote(str(value)) for key, value in facts.items()}


def superuser_client(pk=USERS + 1):
    """Return a client that is logged in as a superuser, whose primary key is `pk`."""
    from django.contrib.auth.models import User
    from django.test import Client

    if not User.objects.filter(username="reader").exists():
        User.objects.create_superuser("reader", pk=pk)
    client = Client()
    client.force_login(User.objects.get(username="reader"))
    return client


def measure(client, pages, times, facts, warm_up=2, once_above=None, clock=time.perf_counter):
    """Return milliseconds of every request on `clock` and the number of queries, by page.

    `pages` has name, address and expected text. A page that takes more than `once_above` seconds is
    requested once. A page that the database gave up takes infinite time.
    """
    from django.db import OperationalError, connection
    from django.test.utils import CaptureQueriesContext

    def get(name, address, text):
        started = clock()
        response = client.get(address)
        body = response.getvalue()
        took = (clock() - started) * 1000
        require_page(f"{name}: {address}", response.status_code, body, text)
        require(b'role="alert"' not in body, f"{name}: the search {address} was not understood")
        return took

    found = {}
    for name, address, text in pages:
        page = name, address.format(**facts), text
        with CaptureQueriesContext(connection) as captured:
            try:
                first = get(*page)
            except OperationalError:  # The database stopped the statement at its timeout.
                first = float("inf")
        queries = len(captured)  # The next request empties the log of queries.
        if once_above and first > once_above * 1000:
            found[name] = [first], queries
            continue
        for _ in range(warm_up - 1):
            get(*page)
        found[name] = [get(*page) for _ in range(times)], queries
    return found


def main():
    """Measure every page at every size and print the table."""
    parser = argument_parser(__doc__, database="postgresql")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--times", type=int, default=7, help="requests per page")
    parser.add_argument("--fresh", action="store_true", help="seed the databases again")
    args = parser.parse_args()
    configure(args.database)
    from django.core.management import call_command
    from django.db import connection
    from django.test import override_settings

    from eventlog.models import Log

    pages = [(name, address, text_of(name, address)) for name, address in PAGES]
    found = {}
    for rows in args.rows:
        seed.use(f"eventlog_review_{rows}")
        if args.fresh or not Log.objects.exists():
            seed.seed(connection, rows)
        require_rows("benchmarks.seed (use --fresh to seed again)", Log.objects.count(), rows)
        call_command("eventlog_count", verbosity=0)
        with override_settings(EVENTLOG={"REQUESTS": []}):
            found[rows] = measure(superuser_client(), pages, args.times, known())
    few, many = min(args.rows), max(args.rows)
    lines = []
    for name, _ in PAGES:
        base = median(found[few][name][0])
        growth = Spread.of(took / base for took in found[many][name][0]).show()
        sizes = [f"{median(found[rows][name][0]):.1f}" for rows in args.rows]
        lines.append([name, found[many][name][1], *sizes, growth])
    print_table(
        f"{args.database}, milliseconds, medians of {args.times}",
        ["page", "queries", *(f"{rows:,} rows" for rows in args.rows), f"ratio to {few:,}"],
        lines,
    )


if __name__ == "__main__":
    main()
