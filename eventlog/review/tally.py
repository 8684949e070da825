"""What was counted, added up for a period: hours and days that are kept, the last hours live."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import router
from django.db.models import Count, Sum
from django.utils import timezone
from django.utils.functional import cached_property

from ..hours import SETTLED, HourCount
from ..models import Log
from ..moments import DAY, HOUR, as_stored, aware, hour_of
from .counts import SLOWER, STEPS, TOTALLED, Counts, count_events, hours_to_roll


class Tally:
    """The counts of a period, from the hours that are kept and, for the rest, from the events."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self.using = router.db_for_read(Log)
        self.start, self.end = hour_of(start), aware(end)
        self.missing = hours_to_roll(self.start, self.using)
        settled = hour_of(timezone.now() - SETTLED)
        self.live_from = max(self.start, min(settled, hour_of(self.end)))
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
        gaps = {first + n * DAY for n in range((last - first) // DAY)} - set(self._days)
        by_hour = [(self.start, first), (last + DAY, self.live_from)]
        by_hour += [(day, day + DAY) for day in sorted(gaps)]
        return [
            self._rows([f"{name}/d" for name in dimensions], first, last + DAY),
            *(self._rows(dimensions, start, end) for start, end in by_hour if start < end),
        ]

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

    def by_hour(self, dimension: str, among: Collection[str]) -> Mapping[datetime, Counter[str]]:
        """How many events have each of these values in each hour, in no order."""
        kept = [self._rows([dimension], self.start, self.live_from)]
        return self._over_time(kept, dimension, among)

    def by_day(self, dimension: str, among: Collection[str]) -> Mapping[datetime, Counter[str]]:
        """As by_hour(); of days that are added up, their first hour stands for all."""
        return self._over_time(self._kept(dimension), dimension, among)

    def _over_time(
        self, kept: list[Any], dimension: str, among: Collection[str]
    ) -> Mapping[datetime, Counter[str]]:
        stored: dict[datetime, Counter[str]] = defaultdict(Counter)
        for rows in kept:
            some = rows.filter(value__in=among).values_list("hour", "value", "count")
            for hour, value, count in some:
                stored[hour][value] += count
        found = {hour_of(hour): counts for hour, counts in stored.items()}
        for hour, counts in self.live().items():
            live = counts.get(dimension, Counter())
            found[hour] = Counter({value: live[value] for value in among})
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


def count_actions(start: datetime, end: datetime) -> tuple[Counter[str], int]:
    """How many events have each action, and of how many hours it is not known yet.

    The hours within are those that are kept; those at the ends and the last are read.
    """
    start, end = aware(start), min(aware(end), aware(timezone.now()))
    first, last = hour_of(start + HOUR - timedelta.resolution), hour_of(end)
    tally = Tally(first, last)
    found: Counter[str] = Counter()
    if first >= tally.live_from:
        read, missing = [(start, end)], 0
    else:
        read = [(start, first), (tally.live_from, end)]
        missing = sum(first <= hour < tally.live_from for hour in tally.missing)
        for rows in tally._kept("action"):
            found.update(dict(rows.values_list("value").annotate(all=Sum("count"))))
    for some in read:
        events = Log.objects.using(tally.using).between(*map(as_stored, some)).order_by()
        found.update(dict(events.values_list("action").annotate(all=Count("pk"))))
    return found, missing


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
