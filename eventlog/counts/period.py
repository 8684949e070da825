"""The counts of a period: the sum of stored hours and days, and of the last hours' events."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import router
from django.db.models import Count, QuerySet, Sum
from django.utils import timezone
from django.utils.functional import cached_property

from ..datetimes import DAY, HOUR, aware, hour_of, to_db_timezone
from ..models import Log
from ..models.hourly import COUNT_DELAY, HourCount
from .backlog import Backlog, find_backlog
from .counting import (
    COMPARED_DIMENSIONS,
    DIMENSIONS,
    LATENCY_DIMENSIONS,
    Counts,
    count_newest,
    count_period,
)
from .hours import day_of

MAX_SINGLE_HOURS = 1000  # hours that one query names in addition to whole days
MAX_NEWEST_EVENTS = 10_000  # events that are counted for a search or for restricted staff


class PeriodCounts:
    """The counts of a period, from stored hours and, for the last hours, from the events."""

    is_stored = True  # whether hours are counted once and stored
    is_cut = False  # whether the period starts later, because there are too many events
    is_check_limited = False  # whether this is because too many events had to be checked
    dimensions: Sequence[str] = DIMENSIONS

    def __init__(self, start: datetime, end: datetime, backlog: Backlog | None = None) -> None:
        self.using = router.db_for_read(Log)
        self.start, self.end = hour_of(start), aware(end)
        self.backlog = find_backlog(self.start, self.using) if backlog is None else backlog
        settled = hour_of(timezone.now() - COUNT_DELAY)
        self.live_from = max(self.start, min(settled, hour_of(self.end)))

    @property
    def missing(self) -> list[datetime]:
        """The hours of the period that are not counted yet."""
        return [hour for hour in self.backlog.hours if self.start <= hour < self.until]

    @property
    def until(self) -> datetime:
        """The end of the last hour, which is counted in full."""
        return hour_of(self.end - timedelta.resolution) + HOUR

    @cached_property
    def _all(self) -> tuple[dict[datetime, int], set[datetime]]:
        """Return the number of events of each stored hour, and the days with stored sums."""
        rows = self._rows(["all", "all/d"], self.start, self.live_from)
        hours, days = {}, set()
        for dimension, stored, count in rows.values_list("dimension", "hour", "count"):
            hour = hour_of(stored)
            if dimension == "all":
                hours[hour] = count
            elif hour + DAY <= self.live_from:
                days.add(hour)
        return hours, days

    def _rows(self, dimensions: Iterable[str], start: datetime, end: datetime) -> Any:
        return HourCount.objects.using(self.using).filter(
            dimension__in=dimensions,
            hour__gte=to_db_timezone(start),
            hour__lt=to_db_timezone(min(end, self.end)),
        )

    def stored(self, *dimensions: str, bounds: Collection[datetime] = ()) -> list[Any]:
        """Return querysets whose sum is the stored counts of the period.

        Days are read as a whole, except a day with one of ``bounds`` inside.
        """
        hours, days = self._all
        days = days - {day_of(bound) for bound in bounds if day_of(bound) != bound}
        rest = [to_db_timezone(hour) for hour in hours if day_of(hour) not in days]
        if not days or len(rest) > MAX_SINGLE_HOURS:
            return [self._rows(dimensions, self.start, self.live_from)]
        stored = HourCount.objects.using(self.using)
        return [
            stored.filter(
                dimension__in=[f"{name}/d" for name in dimensions],
                hour__in=[to_db_timezone(day) for day in days],
            ),
            stored.filter(dimension__in=dimensions, hour__in=rest),
        ]

    @cached_property
    def live(self) -> Mapping[datetime, Counts]:
        """Count the last hours, which still change."""
        found = {}
        hour = self.live_from
        while hour < self.end:
            found[hour] = count_period(
                to_db_timezone(hour),
                to_db_timezone(min(hour + HOUR, self.until)),
                self.using,
                with_names="user" in self.dimensions,
            )
            hour += HOUR
        return found

    @cached_property
    def _totals(self) -> Counts:
        totals: Counts = defaultdict(Counter)
        for rows in self.stored(*self.dimensions):
            sums = rows.values_list("dimension", "value").annotate(all=Sum("count"))
            for stored, value, count in sums:
                name = stored.removesuffix("/d")
                totals[name]["" if name == "all" else value] += count
        for counts in self.live.values():
            for name, values in counts.items():
                for value, count in values.items():
                    totals[name][value] += count
        return totals

    def totals(self, dimension: str) -> Counter[str]:
        """Return the number of events of each value."""
        return self._totals[dimension]

    def stored_by_hour(self) -> Mapping[datetime, int]:
        """Return the number of events of each hour before ``live_from``, in no order."""
        return self._all[0]

    def by_hour(self) -> Mapping[datetime, int]:
        """Return the number of events of each hour, in no order."""
        live = {hour: counts["all"][""] for hour, counts in self.live.items() if counts}
        return self._all[0] | live

    def over_time(
        self, dimension: str, among: Collection[str], bounds: Sequence[datetime]
    ) -> list[Counter[str]]:
        """Return the number of events of each value, from each of ``bounds`` up to the next.

        Bounds are hours in order. The first one is the start of the period.
        """
        found: list[Counter[str]] = [Counter() for _bound in bounds]
        starts = [to_db_timezone(bound) for bound in bounds]
        for rows in self.stored(dimension, bounds=bounds):
            # The values of the dimension "all" are versions, see COUNTS_VERSION.
            some = rows if dimension == "all" else rows.filter(value__in=among)
            for hour, value, count in some.values_list("hour", "value", "count"):
                name = "" if dimension == "all" else value
                found[bisect_right(starts, hour) - 1][name] += count
        for hour, counts in self.live.items():
            for value in among:
                found[bisect_right(bounds, hour) - 1][value] += counts[dimension][value]
        return found

    def latency_histograms(self) -> dict[str, Counter[int]]:
        """Return the number of requests in each latency bucket, by page; "" if there is none."""
        found: dict[str, Counter[int]] = defaultdict(Counter)
        for dimension, bound in LATENCY_DIMENSIONS.items():
            for page, count in self.totals(dimension).items():
                found[page][bound] += count
        return found

    def latency_histogram(self) -> Counter[int]:
        """Return the number of requests in each latency bucket."""
        bounds = LATENCY_DIMENSIONS.items()
        return Counter({bound: self.totals(name).total() for name, bound in bounds})


class PreviousPeriodCounts(PeriodCounts):
    """The counts of an earlier period that ends at any minute, to compare with."""

    dimensions = COMPARED_DIMENSIONS

    @property
    def until(self) -> datetime:
        return self.end

    @cached_property
    def _all(self) -> tuple[dict[datetime, int], set[datetime]]:
        """Return the hours outside the days with stored sums, and these days.

        Only days are read, because half a year has thousands of hours (``benchmarks.review``).
        """
        rows = self._rows(["all/d"], self.start, self.live_from)
        found = {hour_of(day) for day in rows.values_list("hour", flat=True)}
        days = {day for day in found if day + DAY <= self.live_from}
        number = (self.live_from - self.start) // HOUR
        hours = [self.start + n * HOUR for n in range(number)]
        return {hour: 0 for hour in hours if day_of(hour) not in days}, days


class NewestPeriodCounts(PeriodCounts):
    """The counts of the newest events of a search or for restricted staff, which are not stored.

    ``is_check_limited`` says that the caller already left out events that it did not check.
    """

    is_stored = False

    def __init__(
        self,
        events: QuerySet[Log],
        start: datetime,
        end: datetime,
        *,
        is_check_limited: bool = False,
    ) -> None:
        self.using = events.db
        self.start, self.end = hour_of(start), aware(end)
        self.backlog = Backlog([], [])
        within = events.filter(
            timestamp__gte=to_db_timezone(self.start), timestamp__lt=to_db_timezone(self.until)
        )
        newest = count_newest(within, MAX_NEWEST_EVENTS)
        self.live, self.users = newest.hours, newest.users
        self.is_check_limited = is_check_limited and not newest.is_cut
        self.is_cut = is_check_limited or newest.is_cut
        if newest.is_cut:
            self.start = min(self.live)
        self.live_from = self.start

    def stored(self, *dimensions: str, bounds: Collection[datetime] = ()) -> list[Any]:
        return []

    def by_hour(self) -> Mapping[datetime, int]:
        return {hour: counts["all"][""] for hour, counts in self.live.items()}


class PreviousNewestPeriodCounts(NewestPeriodCounts):
    """Like ``NewestPeriodCounts``, for an earlier period that ends at any minute."""

    @property
    def until(self) -> datetime:
        return self.end


def count_actions(start: datetime, end: datetime) -> tuple[Counter[str], int]:
    """Return the number of events of each action, and the number of hours not counted yet.

    Full hours are read from the stored counts, partial hours and the last ones from the events.
    """
    start, end = aware(start), min(aware(end), aware(timezone.now()))
    first, last = hour_of(start + HOUR - timedelta.resolution), hour_of(end)
    counts = PeriodCounts(first, last)
    found: Counter[str] = Counter()
    if first >= counts.live_from:
        read, missing = [(start, end)], 0
    else:
        read = [(start, first), (counts.live_from, end)]
        missing = sum(first <= hour < counts.live_from for hour in counts.missing)
        for rows in counts.stored("action"):
            found.update(dict(rows.values_list("value").annotate(all=Sum("count"))))
    for some in read:
        events = Log.objects.using(counts.using).between(*map(to_db_timezone, some)).order_by()
        found.update(dict(events.values_list("action").annotate(all=Count("pk"))))
    return found, missing
