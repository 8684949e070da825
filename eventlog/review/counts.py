"""How many events there were: counted once for each hour that is over, and kept.

An hour is counted from its events, never by adding to what was counted before, so it is right
whenever it is counted. What changes its events later (an event that waited, or is dated back, or
is pruned) marks it as stale, in the same transaction, and it is counted again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain, groupby
from math import inf
from time import monotonic

from django.db import router, transaction
from django.db.models import Case, Count, F, Min, Q, Sum, Value, When
from django.utils import timezone

from ..hours import SETTLED, HourCount, RolledHour
from ..models import Log, LogQuerySet
from ..moments import DAY, HOUR, as_stored, hour_of
from .expressions import Number, Text

SHOWN = 181 * DAY  # that the overview goes back
MOST_ADDRESSES = 20  # of an hour, those with the most events
MOST_OF_A_DAY = 60
LONGEST = 255

# Upper ends, in milliseconds, of the stretches of time that requests are sorted into.
STEPS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
SLOWER = 10**9
TOTALLED = ("all", "action", "who", "status", "device", "browser", "page", "failed", "address")
DIMENSIONS = (*TOTALLED, *(f"ms{step}" for step in (*STEPS, SLOWER)))
DAILY = tuple(f"{dimension}/d" for dimension in DIMENSIONS)  # the same for a day, in UTC

Counts = dict[str, Counter[str]]  # by dimension, and then by value


def day_of(hour: datetime) -> datetime:
    """The day, in UTC, that an hour lies in."""
    return hour.replace(hour=0)


def count_events(start: datetime, end: datetime, using: str) -> Counts:
    """Count the events from ``start`` on, before ``end``, in each dimension."""
    events = Log.objects.using(using).between(start, end).order_by()
    took = Number("duration_ms")
    step = Case(
        *(When(Q(took__lte=limit), then=Value(limit)) for limit in STEPS),
        When(Q(took__isnull=False), then=Value(SLOWER)),
    )
    rows = (
        events.annotate(took=took)
        .values_list(
            "action",
            Text("status"),
            Text("device_type"),
            Text("browser"),
            Text("view"),
            Text("exception"),
            step,
            Case(When(user__isnull=False, then=Value(1)), default=Value(0)),
        )
        .annotate(times=Count("*"))
    )
    counts: Counts = defaultdict(Counter)
    for action, status, device, browser, page, exception, slowest, known, times in rows:
        counts["all"][""] += times
        counts["action"][action] += times
        counts["who"]["user" if known else "anonymous"] += times
        if status:
            counts["status"][f"{status[:1]}xx"] += times
        if device:
            counts["device"][device[:LONGEST]] += times
        if browser and device != "bot":
            counts["browser"][browser.rstrip("0123456789. ")[:LONGEST]] += times
        if page:
            counts["page"][page[:LONGEST]] += times
            if slowest is not None:
                counts[f"ms{slowest}"][page[:LONGEST]] += times
            if status[:1] == "5" if status else exception:
                counts["failed"][page[:LONGEST]] += times
    addresses = events.values_list(Text("ip")).annotate(times=Count("*")).order_by("-times")
    for address, times in addresses[: MOST_ADDRESSES + 1]:
        if address:
            counts["address"][address[:LONGEST]] += times
    return counts


def roll(hour: datetime, using: str) -> None:
    """Count one hour and keep what comes out."""
    start = as_stored(hour)
    # In a transaction of its own: whoever writes into this hour from now on finds it, and waits.
    RolledHour.objects.using(using).get_or_create(hour=start)
    with transaction.atomic(using=using):
        RolledHour.objects.using(using).filter(hour=start).update(stale=False)
        counts = count_events(start, start + HOUR, using)
        # By dimension too, with which the indexes begin.
        kept = HourCount.objects.using(using)
        kept.filter(dimension__in=DIMENSIONS, hour=start)._raw_delete(using)
        kept.filter(dimension__in=DAILY, hour=as_stored(day_of(hour)))._raw_delete(using)
        kept.bulk_create(
            [
                HourCount(dimension=dimension, hour=start, value=value, count=count)
                for dimension, values in counts.items()
                for value, count in values.items()
            ],
            batch_size=1000,
        )


def roll_day(day: datetime, using: str) -> None:
    """Add the hours of a day up, so that a long period has fewer rows to add."""
    within = {"hour__gte": as_stored(day), "hour__lt": as_stored(day + DAY)}
    kept = HourCount.objects.using(using)
    with transaction.atomic(using=using):
        # Nobody counts one of these hours meanwhile.
        RolledHour.objects.using(using).filter(**within).update(stale=F("stale"))
        kept.filter(dimension__in=DAILY, hour=as_stored(day))._raw_delete(using)
        hours = kept.filter(dimension__in=DIMENSIONS, **within).values_list("dimension", "value")
        sums = hours.annotate(all=Sum("count"))
        addresses = sums.filter(dimension="address").order_by("-all")
        kept.bulk_create(
            [
                HourCount(dimension=f"{dimension}/d", hour=as_stored(day), value=value, count=count)
                for dimension, value, count in chain(
                    sums.exclude(dimension="address"), addresses[:MOST_OF_A_DAY]
                )
            ],
            batch_size=1000,
        )


def hours_to_roll(start: datetime | None = None, using: str | None = None) -> list[datetime]:
    """The settled hours that are not counted, or not any more, newest first.

    Not those of a day without events before ``SHOWN``: one event that is dated back to 1970 brings
    half a million of them.
    """
    using = using or router.db_for_write(Log)
    first = _first_hour(Log.objects.using(using))
    if first is None:
        return []
    start = first if start is None else max(hour_of(start), first)
    end = hour_of(timezone.now() - SETTLED)
    shown = day_of(end - SHOWN)
    current = start
    known = RolledHour.objects.using(using).filter(
        hour__gte=as_stored(current), hour__lt=as_stored(end)
    )
    rolled = known.filter(stale=False)
    if rolled.count() == (end - current) // HOUR:
        return []
    # As they are stored: without time zones, the hour that autumn repeats is one and the same.
    fresh = set(rolled.values_list("hour", flat=True))
    stale = [hour_of(hour) for hour in known.filter(stale=True).values_list("hour", flat=True)]
    missing = []
    while current < end:
        if as_stored(current) in fresh:
            current += HOUR
            continue
        if current < shown and current == day_of(current):
            event = _first_hour(Log.objects.using(using).since(as_stored(current)))
            # Without time zones, the hour that autumn repeats may come out as the one before.
            event = event and max(event, current)
            next_one = min([shown, *(hour for hour in (event, *stale) if hour and hour >= current)])
            if day_of(next_one) > current:
                current = day_of(next_one)
                continue
        missing.append(current)
        current += HOUR
    return missing[::-1]


def _first_hour(events: LogQuerySet) -> datetime | None:
    first = events.aggregate(first=Min("timestamp"))["first"]
    return None if first is None else hour_of(first)


def roll_all(hours: Iterable[datetime], seconds: float = inf) -> Iterator[datetime]:
    """Count hours, for about so long; gives each that is done."""
    using, deadline = router.db_for_write(Log), monotonic() + seconds
    for day, within in groupby(hours, day_of):
        for hour in within:
            roll(hour, using)
            yield hour
            if monotonic() > deadline:
                return
        if day + DAY <= hour_of(timezone.now() - SETTLED):
            roll_day(day, using)


def forget(before: datetime | None = None) -> None:
    """Drop the counts from before the first event that is left, or all if none is."""
    using = router.db_for_write(Log)
    if before is None:
        before = Log.objects.using(using).aggregate(first=Min("timestamp"))["first"]
    for model in (HourCount, RolledHour):
        gone = model.objects.using(using)
        if before is not None:
            gone = gone.filter(hour__lt=as_stored(hour_of(before)))
        gone._raw_delete(using)
