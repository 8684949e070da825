"""The hours whose events were counted for the overview, and what came out."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone

from .moments import as_stored, hour_of
from .records import LONGEST

# An hour is counted when it has been over for so long. A transaction that began in it may still
# write then; one that takes longer than half of this marks the hour, when it writes.
SETTLED = timedelta(hours=1)


class RolledHour(models.Model):
    """An hour whose events were counted; stale once an event was written, or went, after that."""

    hour = models.DateTimeField(primary_key=True)
    stale = models.BooleanField(default=True)

    def __str__(self) -> str:
        return str(self.hour)

    @classmethod
    def touch(cls, moments: Iterable[datetime], using: str) -> None:
        """Mark the hours of events that were just written, changed or deleted, if they are old.

        To be called in the transaction that does it, after it.
        """
        limit = as_stored(timezone.now() - SETTLED / 2)
        old = {hour_of(moment) for moment in moments if moment < limit}
        if old:
            hours = cls.objects.using(using).filter(hour__in=map(as_stored, old))
            hours.update(stale=True)


class HourCount(models.Model):
    """How many events of an hour have this value in this respect."""

    id = models.BigAutoField(primary_key=True)
    dimension = models.CharField(max_length=16)
    hour = models.DateTimeField()
    value = models.CharField(max_length=LONGEST)
    count = models.PositiveIntegerField()

    class Meta:
        indexes = [
            models.Index(fields=["dimension", "hour", "value", "count"], name="eventlog_by_hour"),
            models.Index(fields=["dimension", "value", "hour", "count"], name="eventlog_by_value"),
        ]

    def __str__(self) -> str:
        return f"{self.dimension} {self.value}: {self.count}"
