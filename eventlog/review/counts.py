"""How many events there were: counted once for each hour that is over, and kept.

An hour is counted from its events, never by adding to what was counted before, so it is right
whenever it is counted. What changes its events later (an event that waited, or is dated back, or
is pruned) marks it as stale, in the same transaction, and it is counted again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from math import inf
from time import monotonic
from typing import Any

from django.db import router, transaction
from django.db.models import Case, Count, F, Min, Q, Sum, Value, When
from django.utils import timezone
from django.utils.functional import cached_property

from ..models import HOUR, SETTLED, HourCount, Log, RolledHour, as_stored, aware, hour_of
from .expressions import Number, Text

MOST_ADDRESSES = 20  # of an hour, those with the most events
LONGEST = 255

# Upper ends, in milliseconds, of the stretches of time that requests are sorted into.
STEPS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
SLOWER = 10**9
TOTALLED = ("all", "action", "who", "status", "device", "browser", "page", "failed", "address")
DIMENSIONS = (*TOTALLED, *(f"ms{step}" for step in (*STEPS, SLOWER)))
DAILY = tuple(f"{dimension}/d" for dimension in DIMENSIONS)  # the same for a day, in UTC
DAY = timedelta(days=1)

Counts = dict[str, Counter[str]]  # by dimension, and then by value


def day_of(hour: datetime) -> datetime:
    """The day, in UTC, that an hour lies in."""
    return hour.replace(hour=0)


# Counting


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
        sums = kept.filter(dimension__in=DIMENSIONS, **within).values_list("dimension", "value")
        kept.bulk_create(
            [
                HourCount(dimension=f"{dimension}/d", hour=as_stored(day), value=value, count=count)
                for dimension, value, count in sums.annotate(all=Sum("count"))
            ],
            batch_size=1000,
        )


def hours_to_roll(start: datetime | None = None, using: str | None = None) -> list[datetime]:
    """The settled hours that are not counted, or not any more, newest first."""
    using = using or router.db_for_write(Log)
    first = Log.objects.using(using).aggregate(first=Min("timestamp"))["first"]
    if first is None:
        return []
    start = hour_of(first) if start is None else max(hour_of(start), hour_of(first))
    end = hour_of(timezone.now() - SETTLED)
    current = start
    rolled = RolledHour.objects.using(using).filter(
        stale=False, hour__gte=as_stored(current), hour__lt=as_stored(end)
    )
    if rolled.count() == (end - current) // HOUR:
        return []
    fresh = {hour_of(hour) for hour in rolled.values_list("hour", flat=True)}
    missing = []
    while current < end:
        if current not in fresh:
            missing.append(current)
        current += HOUR
    return missing[::-1]


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


# Reading


class Tally:
    """The counts of a period, from the hours that are kept and, for the rest, from the events."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self.using = router.db_for_read(Log)
        self.start, self.end = hour_of(start), aware(end)
        self.missing = hours_to_roll(self.start, self.using)
        self.live_from = max(self.start, hour_of(timezone.now() - SETTLED))
        self._live: dict[datetime, Counts] | None = None
        self._totals: Counts | None = None

    @cached_property
    def _days(self) -> list[datetime]:
        """The days of the period that are added up, but for those at its ends."""
        rows = self._rows(["all/d"], self.start, self.live_from)
        days = [hour_of(hour) for hour in rows.values_list("hour", flat=True)]
        return [day for day in days if day >= self.start and day + DAY <= self.live_from]

    def _rows(self, dimensions: Iterable[str], start: datetime, end: datetime) -> Any:
        return HourCount.objects.using(self.using).filter(
            dimension__in=dimensions,
            hour__gte=as_stored(start),
            hour__lt=as_stored(min(end, self.end)),
        )

    def _kept(self, *dimensions: str) -> list[Any]:
        """What is kept of the period: querysets, to be added up."""
        if not self._days:
            return [self._rows(dimensions, self.start, self.live_from)]
        first, last = min(self._days), max(self._days)
        parts = [
            self._rows([f"{name}/d" for name in dimensions], first, last + DAY),
            self._rows(dimensions, self.start, first),
            self._rows(dimensions, last + DAY, self.live_from),
        ]
        gaps = {first + n * DAY for n in range((last - first) // DAY)} - set(self._days)
        return parts + [self._rows(dimensions, day, day + DAY) for day in sorted(gaps)]

    def live(self) -> Mapping[datetime, Counts]:
        """The last hours, which are still changing."""
        if self._live is None:
            self._live = {}
            hour = self.live_from
            while hour < self.end:
                self._live[hour] = count_events(as_stored(hour), as_stored(hour + HOUR), self.using)
                hour += HOUR
        return self._live

    def totals(self, dimension: str) -> Counter[str]:
        """How many events have each value."""
        if self._totals is None:
            self._totals = defaultdict(Counter)
            for rows in self._kept(*TOTALLED):
                sums = rows.values_list("dimension", "value").annotate(all=Sum("count"))
                for name, value, count in sums:
                    self._totals[name.removesuffix("/d")][value] += count
            for counts in self.live().values():
                for name in TOTALLED:
                    self._totals[name].update(counts.get(name, {}))
        return self._totals[dimension]

    def by_hour(self, dimension: str) -> list[tuple[datetime, str, int]]:
        """Hour, value and count, in no order."""
        return self._over_time([self._rows([dimension], self.start, self.live_from)], dimension)

    def by_day(self, dimension: str) -> list[tuple[datetime, str, int]]:
        """As by_hour(); of days that are added up, their first hour stands for all."""
        return self._over_time(self._kept(dimension), dimension)

    def _over_time(self, kept: list[Any], dimension: str) -> list[tuple[datetime, str, int]]:
        found = [
            (hour_of(hour), value, count)
            for rows in kept
            for hour, value, count in rows.values_list("hour", "value", "count")
        ]
        for hour, counts in self.live().items():
            found += [(hour, value, n) for value, n in counts.get(dimension, {}).items()]
        return found

    def paces(self, pages: Iterable[str]) -> dict[str, Counter[int]]:
        """For each page, how many requests took up to so many milliseconds."""
        pages = list(pages)
        steps = {f"ms{step}": step for step in (*STEPS, SLOWER)}
        found: dict[str, Counter[int]] = {page: Counter() for page in pages}
        for rows in self._kept(*steps):
            some = rows.filter(value__in=pages).values_list("dimension", "value")
            for dimension, page, count in some.annotate(all=Sum("count")):
                found[page][steps[dimension.removesuffix("/d")]] += count
        for counts in self.live().values():
            for dimension, step in steps.items():
                for page in pages:
                    found[page][step] += counts[dimension][page] if dimension in counts else 0
        return found


def percentile(pace: Counter[int], share: float) -> float | None:
    """Milliseconds within which that share of requests was answered, between two steps."""
    total = sum(pace.values())
    if not total:
        return None
    wanted, below, lower = total * share, 0, 0.0
    for step in sorted(pace):
        if below + pace[step] >= wanted:
            upper = step if step != SLOWER else lower
            return lower + (upper - lower) * (wanted - below) / pace[step]
        below += pace[step]
        lower = float(step)
    return lower
