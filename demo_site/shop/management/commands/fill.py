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
from shop import sample_data
from shop.models import Order, Product
from shop.traffic import silence_request_errors
from shop.visitors import VISITS, new_visitor

DAYS = 30
# Relative traffic of each hour of a day, from midnight on.
TRAFFIC = (2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 11, 11, 12, 11, 10, 10, 10, 11, 13, 15, 16, 14, 9, 5)


class Command(BaseCommand):
    help = "Create users and products, and send the site a month of varied requests."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--requests", type=int, default=3000, help="number of requests (%(default)s)"
        )
        parser.add_argument(
            "--seed", type=int, default=1, help="seed of the random numbers (%(default)s)"
        )
        parser.add_argument(
            "--if-empty", action="store_true", help="do nothing if there are events"
        )

    def handle(self, *, requests: int, seed: int, if_empty: bool, **options: Any) -> None:
        last = Log.objects.order_by("-pk").first()
        if if_empty and last is not None:
            return
        random = Random(seed)
        create_users(timezone.now() - timedelta(days=DAYS + 10))
        create_products()
        with silence_request_errors():
            visits = send_requests(requests, random)
        events = list(Log.objects.filter(pk__gt=last.pk if last else 0).order_by("pk"))
        set_durations(events, random)
        set_times(events, schedule(visits, random, timezone.now()))
        call_command("eventlog_count", verbosity=0)
        self.stdout.write(f"{requests} requests sent, {len(events)} events recorded")


def create_users(joined: datetime) -> None:
    for name in (sample_data.ADMIN, sample_data.SHOPKEEPER, *sample_data.CUSTOMERS):
        defaults = {"date_joined": joined, "email": f"{name}@{sample_data.MAIL_DOMAIN}"}
        user, is_new = User.objects.get_or_create(username=name, defaults=defaults)
        if is_new:
            user.is_staff = name in (sample_data.ADMIN, sample_data.SHOPKEEPER)
            user.is_superuser = name == sample_data.ADMIN
            user.set_password(sample_data.PASSWORD)
            user.save()
    # The shopkeeper may view events in the admin.
    may_view = Permission.objects.get(content_type__app_label="eventlog", codename="view_log")
    User.objects.get(username=sample_data.SHOPKEEPER).user_permissions.add(may_view)


def create_products() -> None:
    for name, description, price in sample_data.PRODUCTS:
        Product.objects.get_or_create(
            name=name, defaults={"description": description, "price": price}
        )


def send_requests(number: int, random: Random) -> list[list[str]]:
    """Send ``number`` requests; return the request ids of each visit."""
    site = WSGIHandler()
    products = list(Product.objects.values_list("pk", flat=True))
    visits: list[list[str]] = []
    with tqdm(total=number, unit="request", desc="filling") as bar:
        while number:
            visitor = new_visitor(site, random, products)
            [visit] = random.choices(list(VISITS), list(VISITS.values()))
            for _ in islice(visit(visitor), number):
                number -= 1
                bar.update()
            visits.append(visitor.request_ids)
    return visits


def schedule(visits: Sequence[list[str]], random: Random, now: datetime) -> dict[str, datetime]:
    """Return a time in the last ``DAYS`` days for each request, by its id.

    Visits keep their order and do not overlap: a visit starts when the one before has ended.
    """
    start = now - timedelta(days=DAYS)
    slots = [start + timedelta(hours=hour) for hour in range(DAYS * 24)]
    busy = [TRAFFIC[slot.hour] * (0.6 if slot.weekday() >= 5 else 1) for slot in slots]
    arrivals = sorted(
        slot + timedelta(hours=random.random())
        for slot in random.choices(slots, busy, k=len(visits))
    )
    # Some seconds between two pages, or less if there are very many requests.
    pause = min(20.0, DAYS * 86400 / 4 / max(1, sum(map(len, visits))))
    times: dict[str, datetime] = {}
    time = start
    for arrival, request_ids in zip(arrivals, visits, strict=True):
        time = max(time, arrival)
        for request_id in request_ids:
            times[request_id] = time
            time += timedelta(seconds=pause * random.uniform(0.2, 2))
    too_late = max(time - now, timedelta(0))
    return {request_id: time - too_late for request_id, time in times.items()}


def usual_duration(random: Random) -> float:
    """Return how long a request takes in a larger shop than this one, in milliseconds."""
    return round(random.triangular(20, 600, 60), 1)


def set_durations(events: Sequence[Log], random: Random) -> None:
    """Give the requests usual durations; ``set_times()`` saves them."""
    for event in events:
        if "duration_ms" in event.extra:
            event.extra["duration_ms"] = usual_duration(random)


def set_times(events: Sequence[Log], times: dict[str, datetime]) -> None:
    """Move events, which were all recorded just now, to the times of their requests.

    All events of one request move by the same amount. Your own site does not need this, because
    its events have the time of their requests.
    """
    shifts: dict[str, timedelta] = {}
    for event in events:
        # The demo also simulates the proxy, whose request ids a site that trusts it accepts.
        request_id = event.extra.pop("client_request_id", event.extra["request_id"])
        event.extra["request_id"] = request_id
        shift = shifts.setdefault(request_id, times[request_id] - event.timestamp)
        event.timestamp += shift
        if event.action == "ORDER_PLACED":
            Order.objects.filter(pk=event.object_id).update(placed=event.timestamp)
    Log.objects.bulk_update(events, ["timestamp", "extra"], batch_size=500)
