from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid5

from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from eventlog.models import Log
from shop import sample_data
from shop.models import Order, Product
from shop.traffic import silence_request_errors
from shop.visitors import Visitor, customer, new_visitor, window_shopper

from .fill import set_times, usual_duration

SEED = 7
START_MINUTE = 12  # of an hour, so that the charts look as in docs/incident.md
MIN_AGE = timedelta(hours=2, minutes=18)
LENGTH = timedelta(minutes=50)
BEFORE, AFTER = timedelta(hours=1), timedelta(minutes=80)
# Numbers of visits by other people.
VISITS_BEFORE, VISITS_DURING, VISITS_AFTER = 6, 22, 12
VISIT_LENGTH = timedelta(minutes=4)
SEARCHES = 240
ADDRESS = "203.0.113.177"
USER = "alan"
PHONE = sample_data.DEVICES[USER][1]
AGENT = "python-requests/2.32.3"
NAMESPACE = UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")
MAX_REQUESTS = 2000

Times = dict[str, datetime]  # by request id


class Command(BaseCommand):
    help = (
        "Add an incident to the events: this morning, a script slowed the shop down."
        " A second run replaces the incident of the first one."
    )

    def handle(self, **options: Any) -> None:
        if remove_incident():
            self.stdout.write("Removed the incident that an earlier run had added.")
        last = Log.objects.order_by("-pk").first()
        if last is None:
            raise CommandError("The shop is empty. Run `manage.py fill` first.")
        start = start_before(timezone.now())
        random, ids = Random(SEED), request_ids()
        with silence_request_errors():
            times = send_searches(random, ids, start) | send_visits(random, ids, start)
        events = list(Log.objects.filter(pk__gt=last.pk).order_by("pk"))
        set_durations(events, times, start, random)
        set_times(events, times)
        call_command("eventlog_count", verbosity=0)
        zone = timezone.get_current_timezone_name()
        self.stdout.write(
            f"{len(times)} requests sent, {len(events)} events recorded.\n"
            f"The incident was from {start:%H:%M} to {start + LENGTH:%H:%M}"
            f" on {start.day} {start:%B %Y} ({zone}).\n"
            "Next, open Events in the admin of the demo, and follow docs/incident.md."
        )


def start_before(now: datetime) -> datetime:
    """Return the latest start that is old enough, in the time zone of the site.

    The incident does not pass midnight or noon, where days and half days of the charts begin.
    """
    latest = timezone.localtime(now - MIN_AGE)
    start = latest.replace(minute=START_MINUTE, second=0, microsecond=0)
    if start > latest:
        start -= timedelta(hours=1)
    if start.hour % 12 == 11:
        start -= timedelta(hours=1)
    return start


def request_ids() -> Iterator[str]:
    """Yield the ids of the incident's requests, which are the same in each run."""
    return (uuid5(NAMESPACE, f"incident {number}").hex for number in count())


def remove_incident() -> int:
    """Delete the events and orders of an earlier run; return the number of events."""
    known = {request_id for request_id, _ in zip(request_ids(), range(MAX_REQUESTS), strict=False)}
    events = [each for each in Log.objects.all() if each.facts.get("request_id") in known]
    orders = [each.object_id for each in events if each.action == "ORDER_PLACED"]
    Order.objects.filter(pk__in=orders).delete()
    Log.objects.filter(pk__in=[each.pk for each in events]).delete()
    return len(events)


def send_searches(random: Random, ids: Iterator[str], start: datetime) -> Times:
    """Log in and search again and again, as a script does; return the time of each request."""
    script = Visitor(WSGIHandler(), random, [], agent=AGENT, address=ADDRESS)
    script.new_id = ids.__next__
    list(script.log_in(USER))
    for _ in range(SEARCHES):
        script.get("/search/", urlencode({"q": "e"}))  # which finds almost all products
    return spread(script.request_ids, start, LENGTH)


def send_visits(random: Random, ids: Iterator[str], start: datetime) -> Times:
    """Let other people visit the shop before, during and after; return the time of each request.

    One of them is the owner of the script's account, with a phone.
    """
    site = WSGIHandler()
    products = list(Product.objects.values_list("pk", flat=True))
    times: Times = {}
    for arrival in arrivals(random, start):
        visitor = new_visitor(site, random, products)
        visitor.new_id = ids.__next__
        list(random.choice((customer, window_shopper))(visitor))
        times |= spread(visitor.request_ids, arrival, VISIT_LENGTH)
    owner = Visitor(site, random, products)
    owner.new_id = ids.__next__
    owner.use(PHONE)
    list(owner.log_in(USER))
    for path in (owner.product(), owner.product(), "/orders/"):
        owner.get(path)
    return times | spread(owner.request_ids, start + LENGTH / 2, VISIT_LENGTH)


def arrivals(random: Random, start: datetime) -> Iterator[datetime]:
    """Yield the times at which visits begin."""
    for number, begin, length in (
        (VISITS_BEFORE, start - BEFORE, BEFORE),
        (VISITS_DURING, start, LENGTH),
        (VISITS_AFTER, start + LENGTH, AFTER),
    ):
        for _ in range(number):
            yield begin + (length - VISIT_LENGTH) * random.random()


def spread(ids: Sequence[str], start: datetime, length: timedelta) -> Times:
    """Return a time for each request, at equal distances."""
    pause = length / len(ids)
    return {request_id: start + number * pause for number, request_id in enumerate(ids)}


def set_durations(
    events: Sequence[Log], times: Mapping[str, datetime], start: datetime, random: Random
) -> None:
    """Make the searches of the script slow, and all other pages while it searches."""
    for event in events:
        facts = event.extra
        if "duration_ms" not in facts:
            continue
        moment = times[facts.get("client_request_id", facts["request_id"])]
        if facts.get("ua") != AGENT:
            is_slow = start < moment < start + LENGTH
            took = random.triangular(400, 2600, 800) if is_slow else usual_duration(random)
        elif event.action == "SEARCHED":
            took = random.triangular(2200, 6500, 3500)
        else:
            took = random.triangular(40, 200, 90)
        facts["duration_ms"] = round(took, 1)
