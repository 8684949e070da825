"""The counts of events by hour and day, stored once an hour is over.

An hour is always counted from its events, not added to, so a count is correct at any time. A
change of its events marks the hour as stale in the same transaction, and it is counted again.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain, groupby
from math import inf
from time import monotonic

from django.db import router, transaction
from django.db.models import F, Min, Sum
from django.utils import timezone

from ..datetimes import DAY, HOUR, hour_of, to_db_timezone
from ..models import Log
from ..models.hourly import COUNT_DELAY, CountedHour, HourCount
from .backlog import Backlog, Span
from .counting import COUNTS_VERSION, DIMENSIONS, count_period

MAX_ADDRESSES_PER_DAY = 60  # the addresses with the most events
MAX_USERS_PER_DAY = 60  # the users with the most events
INSERT_BATCH = 1000  # rows
DAILY_DIMENSIONS = tuple(f"{dimension}/d" for dimension in DIMENSIONS)  # of a day in UTC


def day_of(hour: datetime) -> datetime:
    """Return the start of the UTC day of an hour."""
    return hour.replace(hour=0)


def count_hour(hour: datetime, using: str) -> None:
    """Count one hour and store its counts."""
    start = to_db_timezone(hour)
    # Committed first, so that later writers of this hour find the row, mark it stale and wait.
    CountedHour.objects.using(using).get_or_create(hour=start)
    with transaction.atomic(using=using):
        CountedHour.objects.using(using).filter(hour=start).update(stale=False)
        counts = count_period(start, start + HOUR, using)
        stored = HourCount.objects.using(using)
        # By dimension too, because the indexes start with it.
        stored.filter(dimension__in=DIMENSIONS, hour=start)._raw_delete(using)
        day = to_db_timezone(day_of(hour))
        stored.filter(dimension__in=DAILY_DIMENSIONS, hour=day)._raw_delete(using)
        stored.bulk_create(
            [
                HourCount(
                    dimension=dimension,
                    hour=start,
                    value=COUNTS_VERSION if dimension == "all" else value,
                    count=count,
                )
                for dimension, values in counts.items()
                for value, count in values.items()
            ],
            batch_size=INSERT_BATCH,
        )


def sum_day(day: datetime, using: str) -> None:
    """Store the sums of a day, so that a long period has fewer rows to add."""
    within = {"hour__gte": to_db_timezone(day), "hour__lt": to_db_timezone(day + DAY)}
    stored = HourCount.objects.using(using)
    with transaction.atomic(using=using):
        # Locks the rows, so that no hour of the day is counted at the same time.
        CountedHour.objects.using(using).filter(**within).update(stale=F("stale"))
        stored.filter(dimension__in=DAILY_DIMENSIONS, hour=to_db_timezone(day))._raw_delete(using)
        hours = stored.filter(dimension__in=DIMENSIONS, **within).values_list("dimension", "value")
        sums = hours.annotate(all=Sum("count"))
        limits = {"address": MAX_ADDRESSES_PER_DAY, "user": MAX_USERS_PER_DAY}
        most_frequent = [
            sums.filter(dimension=dimension).order_by("-all")[:limit]
            for dimension, limit in limits.items()
        ]
        stored.bulk_create(
            [
                HourCount(
                    dimension=f"{dimension}/d", hour=to_db_timezone(day), value=value, count=count
                )
                for dimension, value, count in chain(
                    sums.exclude(dimension__in=limits), *most_frequent
                )
            ],
            batch_size=INSERT_BATCH,
        )


def mark_empty(span: Span, using: str) -> None:
    """Mark the hours of a span without events as counted."""
    start, end = span
    period = {"hour__gte": to_db_timezone(start), "hour__lt": to_db_timezone(end)}
    hours = [start + n * HOUR for n in range((end - start) // HOUR)]
    stored = CountedHour.objects.using(using)
    # Committed first, so that a writer of such an hour finds its row.
    rows = [CountedHour(hour=hour) for hour in dict.fromkeys(map(to_db_timezone, hours))]
    stored.bulk_create(rows, ignore_conflicts=True)
    with transaction.atomic(using=using):
        stored.filter(**period).update(stale=False)
        if Log.objects.using(using).between(period["hour__gte"], period["hour__lt"]).exists():
            transaction.set_rollback(True, using=using)


def catch_up(backlog: Backlog, using: str, seconds: float = inf) -> Iterator[datetime]:
    """Count a backlog for about ``seconds``; yield each counted hour."""
    deadline = monotonic() + seconds
    yield from count_hours(backlog.hours, seconds)
    for span in backlog.empty:
        if monotonic() > deadline:
            return
        mark_empty(span, using)


def count_hours(hours: Iterable[datetime], seconds: float = inf) -> Iterator[datetime]:
    """Count hours for about ``seconds``; yield each counted hour."""
    using, deadline = router.db_for_write(Log), monotonic() + seconds
    for day, within in groupby(hours, day_of):
        for hour in within:
            count_hour(hour, using)
            yield hour
            if monotonic() > deadline:
                return
        if day + DAY <= hour_of(timezone.now() - COUNT_DELAY):
            sum_day(day, using)


def drop_counts_before(before: datetime | None = None) -> None:
    """Delete the counts before a time, by default before the first event; all if there is none."""
    using = router.db_for_write(Log)
    if before is None:
        before = Log.objects.using(using).aggregate(first=Min("timestamp"))["first"]
    for model in (HourCount, CountedHour):
        old = model.objects.using(using)
        if before is not None:
            old = old.filter(hour__lt=to_db_timezone(hour_of(before)))
        old._raw_delete(using)


def drop_personal_counts(timestamps: Iterable[datetime], using: str) -> None:
    """Delete the counts of users and addresses in the hours and days of events that changed.

    The hours are stale, so they are counted again. Until then, no name of an erased person stays.
    """
    hours = {hour_of(moment) for moment in timestamps}
    stored = HourCount.objects.using(using)
    for dimensions, starts in (
        (["user", "address"], hours),
        (["user/d", "address/d"], {day_of(hour) for hour in hours}),
    ):
        within = [to_db_timezone(start) for start in starts]
        stored.filter(dimension__in=dimensions, hour__in=within)._raw_delete(using)
