from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from random import Random
from typing import Any

from django.contrib.auth.models import Permission, User
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone
from tqdm import tqdm

from eventlog.models import Log
from shop import cast
from shop.models import Order, Product
from shop.traffic import no_complaints
from shop.visitors import VISITS, arrive

DAYS = 30
# How busy each hour of a day is, from midnight on.
HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 11, 11, 12, 11, 10, 10, 10, 11, 13, 15, 16, 14, 9, 5)


class Command(BaseCommand):
    help = "Make users and products, and send the site a month of varied requests."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--requests", type=int, default=3000, help="how many (%(default)s)")
        parser.add_argument("--seed", type=int, default=1, help="of the random numbers")
        parser.add_argument("--if-empty", action="store_true", help="only if there are no events")

    def handle(self, *, requests: int, seed: int, if_empty: bool, **options: Any) -> None:
        last = Log.objects.order_by("-pk").first()
        if if_empty and last is not None:
            return
        random = Random(seed)
        make_users(timezone.now() - timedelta(days=DAYS + 10))
        make_products()
        with no_complaints():
            visits = send_requests(requests, random)
        events = list(Log.objects.filter(pk__gt=last.pk if last else 0).order_by("pk"))
        spread(events, schedule(visits, random, timezone.now()))
        call_command("eventlog_count", verbosity=0)
        self.stdout.write(f"{requests} requests sent, {len(events)} events recorded")


def make_users(joined: datetime) -> None:
    for name in (cast.ADMIN, cast.KEEPER, *cast.CUSTOMERS):
        user, is_new = User.objects.get_or_create(username=name, defaults={"date_joined": joined})
        if is_new:
            user.is_staff = name in (cast.ADMIN, cast.KEEPER)
            user.is_superuser = name == cast.ADMIN
            user.set_password(cast.PASSWORD)
            user.save()
    # The shopkeeper may review events, too.
    may_look = Permission.objects.get(content_type__app_label="eventlog", codename="view_log")
    User.objects.get(username=cast.KEEPER).user_permissions.add(may_look)


def make_products() -> None:
    for name, description, price in cast.PRODUCTS:
        Product.objects.get_or_create(
            name=name, defaults={"description": description, "price": price}
        )


def send_requests(number: int, random: Random) -> list[list[str]]:
    """Send so many requests; return their ids, visit by visit."""
    site = WSGIHandler()
    products = list(Product.objects.values_list("pk", flat=True))
    visits: list[list[str]] = []
    with tqdm(total=number, unit="request", desc="filling") as bar:
        while number:
            visitor = arrive(site, random, products)
            [go] = random.choices(list(VISITS), list(VISITS.values()))
            for _ in islice(go(visitor), number):
                number -= 1
                bar.update()
            visits.append(visitor.request_ids)
    return visits


def schedule(visits: Sequence[list[str]], random: Random, now: datetime) -> dict[str, datetime]:
    """When in the last days each request shall have come in, by its id.

    Visits keep their order and do not overlap: a visitor who would come too early waits.
    """
    start = now - timedelta(days=DAYS)
    slots = [start + timedelta(hours=hour) for hour in range(DAYS * 24)]
    busy = [HOURS[slot.hour] * (0.6 if slot.weekday() >= 5 else 1) for slot in slots]
    arrivals = sorted(
        slot + timedelta(hours=random.random())
        for slot in random.choices(slots, busy, k=len(visits))
    )
    # Some seconds between two pages, or less where there are very many.
    pause = min(20.0, DAYS * 86400 / 4 / max(1, sum(map(len, visits))))
    moments: dict[str, datetime] = {}
    moment = start
    for arrival, request_ids in zip(arrivals, visits, strict=True):
        moment = max(moment, arrival)
        for request_id in request_ids:
            moments[request_id] = moment
            moment += timedelta(seconds=pause * random.uniform(0.2, 2))
    too_late = max(moment - now, timedelta(0))
    return {request_id: moment - too_late for request_id, moment in moments.items()}


def spread(events: Sequence[Log], moments: dict[str, datetime]) -> None:
    """Move the events, all of which are of this minute, to those moments.

    All events of one request move by the same span, so they stay as far apart as they were. A
    site of your own has no use for this: its events are told the time when they are logged.
    """
    spans: dict[str, timedelta] = {}
    for event in events:
        request_id = event.extra["request_id"]
        span = spans.setdefault(request_id, moments[request_id] - event.timestamp)
        event.timestamp += span
        if event.action == "PLACED_ORDER":
            Order.objects.filter(pk=event.object_id).update(placed=event.timestamp)
    Log.objects.bulk_update(events, ["timestamp"], batch_size=500)
