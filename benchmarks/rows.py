"""Rows of realistic events, as text that every database accepts.

The same `seed` gives the same rows, except for their times, which end now.
"""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from benchmarks.common import require

USERS, OBJECTS, ADDRESSES, PATHS, DURATIONS = 1000, 20_000, 50_000, 5000, 4096
WIDGETS = OBJECTS - USERS  # the other objects are users
SLICE = 10_000  # rows
# A copy, because a site without the models of eventlog cannot import the package's list.
COLUMNS = ["timestamp", "action", "user_id", "user_repr", "content_type_id", "object_id"]
COLUMNS += ["object_repr", "is_request", "ip", "status", "own_keys", "extra"]
INSERT = (
    f"INSERT INTO eventlog_log ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"
)
EVENTS_BY_HOUR = [3, 2, 1, 1, 1, 2, 4, 7, 10, 12, 13, 13]
EVENTS_BY_HOUR += [12, 13, 13, 12, 12, 11, 11, 12, 13, 11, 8, 5]
METHODS = {"GET": 850, "POST": 120, "HEAD": 15, "PUT": 10, "DELETE": 5}
STATUSES = {200: 8800, 201: 165, 302: 500, 404: 400, 403: 100, 500: 30, 503: 5}
VIEWS = [  # path, route, name of the view
    ("/shop/{}/", "shop/<int:pk>/", "shop:product"),
    ("/shop/tags/{}/", "shop/tags/<int:pk>/", "shop:tag"),
    ("/orders/7/{}/", "orders/7/<int:line>/", "orders:line"),
    ("/orders/{}/", "orders/<int:pk>/", "orders:detail"),
    ("/api/products/{}/", "api/products/<int:pk>/", "api:product"),
    ("/api/v2/stock/{}/", "api/v2/stock/<int:pk>/", "api:stock"),
]
LOGGED = {  # actions of log(), per 100,000
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
    """Return 400 user agents with the facts of each, as the inside of a JSON object."""
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
    return [object_members(dict(zip(keys, values, strict=True))) for values in known]


def object_members(facts) -> str:
    """Return the JSON of `facts` without its braces."""
    text = json.dumps(facts, separators=(",", ":"))[1:-1]
    require("\\" not in text, f"{text} has a backslash, which the format of COPY needs escaped")
    return text


def zipf(values):
    """Return values and cumulative weights by Zipf's law, for `random.choices`."""
    return values, list(accumulate(1 / rank for rank in range(1, len(values) + 1)))


def weighted(counts):
    """Return values and cumulative weights, for `random.choices`."""
    return list(counts), list(accumulate(counts.values()))


def moments(count: int, start: datetime, days: int) -> Iterator[float]:
    """Yield increasing timestamps, more by day than by night and fewer on Sundays."""
    weights = []
    for hour in range(days * 24):
        moment = start + timedelta(hours=hour)
        weights.append(EVENTS_BY_HOUR[moment.hour] * (0.5 if moment.weekday() == 6 else 1))
    share, done, begun, first = count / sum(weights), 0, 0.0, start.timestamp()
    for hour, weight in enumerate(weights):
        begun += weight * share
        here = round(begun) - done
        for n in range(here):
            yield first + (hour + n / here) * 3600
        done += here


def rows(count: int, days: int = 180, end: datetime | None = None, seed: int = 1):
    """Yield the values of `COLUMNS` as text. `seed.prepare` creates the users and objects."""
    from django.contrib.auth.models import User
    from django.contrib.contenttypes.models import ContentType

    from tests.shop.models import Widget

    start = (end or datetime.now(UTC)) - timedelta(days=days)
    # These are queried here, because the connection accepts no query during a COPY.
    kinds = [str(ContentType.objects.get_for_model(model).pk) for model in (Widget, User)]
    return _rows(random.Random(seed), count, start, days, *kinds)


def _rows(rng, count, start, days, widget, user):
    objects = [(widget, str(pk), f"Widget {pk}") for pk in range(1, WIDGETS + 1)]
    objects += [(user, str(pk), f"user{pk}") for pk in range(1, USERS + 1)]
    paths = []
    for number in range(PATHS):
        path, route, view = VIEWS[number % len(VIEWS)]
        facts = object_members({"path": path.format(number + 1), "route": route, "view": view})
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
    no_user, no_object = (None, ""), (None, None, "")
    for done in range(0, count, SLICE):
        size = min(SLICE, count - done)
        chosen = (rng.choices(pool, cum_weights=w, k=size) for pool, w in pools.values())
        for user, what, ip, (path, view), client, method, status, logged, took in zip(
            *chosen, strict=True
        ):
            # A tenth of the events comes from another process, up to a second late.
            moment = datetime.fromtimestamp(next(when) - (chance() < 0.1) * chance(), UTC)
            user_id, user_repr = user if chance() < 0.3 else no_user
            kind, object_id, object_repr = what if chance() < 0.05 else no_object
            if chance() < 0.1:  # An event of log() belongs to the request before it.
                action = logged
                own = f'"title":"Foo {bits(8)}",'
                answer = ""
                of_request = ("0", ip, None)
            else:
                request_id = f"{bits(128):032x}"
                action = method + view
                own = ""
                answer = f',"status":{status},"duration_ms":{took}'
                of_request = ("1", ip, str(status))
            referer = '"referer":"https://shop.example/shop/",' if chance() < 0.3 else ""
            yield (
                moment.isoformat(" ")[:-6],  # SQLite and MariaDB store UTC without an offset.
                action,
                user_id,
                user_repr,
                kind,
                object_id,
                object_repr,
                *of_request,
                "",  # The application's own key "title" is not the name of a request field.
                f'{{{own}"ip":"{ip}","method":"{method}",{path},{client},{referer}'
                f'"request_id":"{request_id}"{answer}}}',
            )
