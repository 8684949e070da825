"""The tables of hourly counts."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.utils import timezone

from ..datetimes import hour_of, to_db_timezone
from ..records.arguments import MAX_TEXT_LENGTH
from .fields import ExactField

# An hour is counted when it ended this long ago, because a transaction that began in the hour may
# still write. A transaction that takes longer than half of this marks the hour as stale.
COUNT_DELAY = timedelta(hours=1)
MAX_UPDATED_HOURS = 1000  # in one statement
MAX_RETENTION_LENGTH = 40  # characters


class CountedHour(models.Model):
    """An hour whose events were counted; stale if one of its events was changed after that."""

    hour = models.DateTimeField(primary_key=True)
    stale = models.BooleanField(default=True)
    # The retention rules that were applied to the events of the hour, see retention/due_hours.py.
    # Empty if none were applied, or if an event was changed after that.
    retention = models.CharField(
        max_length=MAX_RETENTION_LENGTH, blank=True, default="", db_default=""
    )

    def __str__(self) -> str:
        return str(self.hour)

    @classmethod
    def mark_stale(cls, timestamps: Iterable[datetime], using: str) -> None:
        """Mark the hours of events that were just written, changed or deleted, if they are old.

        The caller does this in the transaction of the change, after the change.
        """
        cls._update(timestamps, using, stale=True, retention="")

    @classmethod
    def mark_uncounted(cls, timestamps: Iterable[datetime], using: str) -> None:
        """Mark hours as stale whose events were changed by the retention rules themselves."""
        cls._update(timestamps, using, stale=True)

    @classmethod
    def _update(cls, timestamps: Iterable[datetime], using: str, **values: Any) -> None:
        hours = _old_hours(timestamps)
        for start in range(0, len(hours), MAX_UPDATED_HOURS):
            some = hours[start : start + MAX_UPDATED_HOURS]
            cls.objects.using(using).filter(hour__in=some).update(**values)

    @classmethod
    def lock_old(cls, timestamps: Iterable[datetime], using: str) -> None:
        """Lock the rows that ``mark_stale()`` will change.

        Raises ``OperationalError`` at once if another transaction holds a lock on a row.
        """
        if hours := _old_hours(timestamps):
            rows = cls.objects.using(using).filter(hour__in=hours)
            list(rows.select_for_update(nowait=True).values_list("pk"))


def _old_hours(timestamps: Iterable[datetime]) -> list[datetime]:
    """Return the hours that may be counted, sorted, so that all transactions lock in one order."""
    limit = to_db_timezone(timezone.now() - COUNT_DELAY / 2)
    return sorted({to_db_timezone(hour_of(each)) for each in timestamps if each < limit})


class HourCount(models.Model):
    """The number of events of an hour that have one value of a dimension, such as an action."""

    id = models.BigAutoField(primary_key=True)
    dimension = models.CharField(max_length=16)
    hour = models.DateTimeField()
    value = ExactField(max_length=MAX_TEXT_LENGTH)
    count = models.PositiveIntegerField()

    class Meta:
        indexes = [
            models.Index(fields=["dimension", "hour", "value", "count"], name="eventlog_by_hour"),
            models.Index(fields=["dimension", "value", "hour", "count"], name="eventlog_by_value"),
        ]

    def __str__(self) -> str:
        return f"{self.dimension} {self.value}: {self.count}"
