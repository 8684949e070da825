from datetime import datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import urlencode

from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from eventlog.models import Log
from shop.models import Product
from shop.traffic import silence_request_errors
from shop.visitors import Visitor, customer, new_visitor, window_shopper

from .fill import set_times

SEED = 7
AGO = timedelta(hours=2, minutes=18)
LENGTH = timedelta(minutes=50)
SEARCHES = 240
OTHER_VISITS = 30
ADDRESS = "203.0.113.177"
USER = "alan"
AGENT = "python-requests/2.32.3"


class Command(BaseCommand):
    help = "Add an incident to the events: this morning, the script of a customer slowed the shop."

    def handle(self, **options: Any) -> None:
        last = Log.objects.order_by("-pk").first()
        if last is None:
            raise CommandError("The shop is empty. Run `manage.py fill` first.")
        random = Random(SEED)
        start = timezone.now() - AGO
        with silence_request_errors():
            times = send_searches(random, start) | send_visits(random, start)
        events = list(Log.objects.filter(pk__gt=last.pk).order_by("pk"))
        set_durations(events, random)
        set_times(events, times)
        call_command("eventlog_count", verbosity=0)
        self.stdout.write(f"{len(times)} requests sent, {len(events)} events recorded")


def send_searches(random: Random, start: datetime) -> dict[str, datetime]:
    """Log in and search again and again, as a script does; return the time of each request."""
    script = Visitor(WSGIHandler(), random, [], agent=AGENT, address=ADDRESS)
    list(script.log_in(USER))
    for _ in range(SEARCHES):
        script.get("/search/", urlencode({"q": "e"}))  # which finds almost all products
    return spread(script.request_ids, start, LENGTH)


def send_visits(random: Random, start: datetime) -> dict[str, datetime]:
    """Let other people visit the shop during the incident; return the time of each request."""
    site = WSGIHandler()
    products = list(Product.objects.values_list("pk", flat=True))
    times: dict[str, datetime] = {}
    for _ in range(OTHER_VISITS):
        visitor = new_visitor(site, random, products)
        list(random.choice((customer, window_shopper))(visitor))
        arrival = start + LENGTH * random.uniform(0, 0.9)
        times |= spread(visitor.request_ids, arrival, timedelta(minutes=4))
    return times


def spread(request_ids: list[str], start: datetime, length: timedelta) -> dict[str, datetime]:
    """Return a time for each request, at equal distances."""
    pause = length / len(request_ids)
    return {request_id: start + number * pause for number, request_id in enumerate(request_ids)}


def set_durations(events: list[Log], random: Random) -> None:
    """Make the searches of the script slow, and the other pages of this time slower than usual."""
    for event in events:
        if "duration_ms" not in event.extra:
            continue
        if event.extra.get("ua") != AGENT:
            took = random.triangular(400, 2600, 800)
        elif event.action == "SEARCHED":
            took = random.triangular(2200, 6500, 3500)
        else:
            took = random.triangular(40, 200, 90)
        event.extra["duration_ms"] = round(took, 1)
