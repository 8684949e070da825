"""Comparing the counts with the events, to find changes that marked no hour as stale.

Examples are SQL statements of your own, and a new ``TIME_ZONE`` whose hours start at other minutes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from random import randrange

from ..datetimes import DAY, HOUR, hour_of, to_db_timezone
from ..models import Log
from ..models.hourly import CountedHour, HourCount

MAX_HOURS = 168  # that one visit to the overview compares
MAX_EVENTS = 5000  # that one visit to the overview counts
MAX_COMMAND_EVENTS = 1_000_000


def mark_some_differing_hours(
    using: str, hours: int | None = MAX_HOURS, events: int = MAX_EVENTS
) -> int:
    """Compare hours from a random hour on, up to ``events`` events; mark hours that differ.

    Return the number of marked hours.
    """
    number, some = _sample(using, hours)
    if not some:
        return 0
    if _drop_misaligned(some, using):
        return number
    start = 0 if hours is not None else randrange(len(some))  # noqa: S311
    return _mark(_differing_among(some[start:] + some[:start], using, events), using)


def find_differing_hours(
    using: str, hours: int = MAX_HOURS, events: int = MAX_EVENTS
) -> Sequence[datetime]:
    """Return some hours that differ, like ``mark_some_differing_hours()`` without marking."""
    _, some = _sample(using, hours)
    return some if _is_misaligned(some) else _differing_among(some, using, events)


def _sample(using: str, hours: int | None) -> tuple[int, list[datetime]]:
    """Return the number of counted hours, and some of them from a random place on."""
    counted = CountedHour.objects.using(using).filter(stale=False).order_by("hour")
    number = counted.count()
    place = 0 if hours is None or hours >= number else randrange(number)  # noqa: S311
    return number, [*counted.values_list("hour", flat=True)[place : hours and place + hours]]


def mark_all_differing_hours(using: str) -> int:
    """Compare every hour and mark hours that differ; return the number of marked hours."""
    counted = CountedHour.objects.using(using).filter(stale=False).order_by("hour")
    hours = list(counted.values_list("hour", flat=True))
    if _drop_misaligned(hours, using):
        return len(hours)
    kept = _stored_counts(hours, using)
    return _mark([each for hour in hours for each in _differing([hour], kept, using)], using)


def _differing_among(hours: Sequence[datetime], using: str, events: int) -> Sequence[datetime]:
    """Return the hours that differ, among the first ones with up to ``events`` events."""
    kept = _stored_counts(hours, using)
    some: list[datetime] = []
    for hour in hours:
        if kept[hour] <= events:
            events -= kept[hour]
            some.append(hour)
        elif some:
            break
    return [each for run in _runs(some) for each in _differing(run, kept, using)]


def _runs(hours: Sequence[datetime]) -> Iterator[Sequence[datetime]]:
    """Yield runs of consecutive hours, each at most a day long."""
    run: list[datetime] = []
    for hour in hours:
        if run and (hour - run[-1] != HOUR or hour - run[0] >= DAY):
            yield run
            run = []
        run.append(hour)
    if run:
        yield run


def _stored_counts(hours: Sequence[datetime], using: str) -> Counter[datetime]:
    if not hours:
        return Counter()
    kept = HourCount.objects.using(using).filter(
        dimension="all", hour__gte=min(hours), hour__lte=max(hours)
    )
    return Counter(dict(kept.values_list("hour", "count")))


def _differing(
    hours: Sequence[datetime], kept: Counter[datetime], using: str
) -> Sequence[datetime]:
    """Return the hours of a run that differ, found by bisection."""
    expected = sum(kept[hour] for hour in hours)
    # LIMIT, because one event more than expected already shows a difference.
    events = Log.objects.using(using).between(hours[0], hours[-1] + HOUR).order_by()
    if events[: expected + 1].count() == expected:
        return []
    if len(hours) == 1:
        return hours
    half = len(hours) // 2
    return [*_differing(hours[:half], kept, using), *_differing(hours[half:], kept, using)]


def _mark(hours: Sequence[datetime], using: str) -> int:
    CountedHour.mark_stale(hours, using)
    return len(hours)


def _is_misaligned(hours: Sequence[datetime]) -> bool:
    """Return whether hours do not start with the hours of ``TIME_ZONE``."""
    return any(to_db_timezone(hour_of(hour)) != hour for hour in hours)


def _drop_misaligned(hours: Sequence[datetime], using: str) -> bool:
    """Delete all counts if their hours do not start with the hours of ``TIME_ZONE``."""
    if not _is_misaligned(hours):
        return False
    for model in (HourCount, CountedHour):
        model.objects.using(using).all()._raw_delete(using)
    return True
