"""Moments as the site's columns hold them, and the hours they lie in."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.utils import timezone

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_FARTHEST = timedelta(hours=14)  # that a time zone is from UTC


def aware(moment: datetime) -> datetime:
    """A moment that may be naive, as those of a site without time zones are."""
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment


def within_reach(moment: datetime) -> datetime:
    """``moment``, aware; ``OverflowError`` if a time zone's offset leads out of the calendar."""
    moment = aware(moment)
    for offset in (-_FARTHEST, _FARTHEST):
        moment.astimezone(UTC) + offset
    return moment


def hour_of(moment: datetime) -> datetime:
    """The hour, in UTC, that ``moment`` lies in."""
    return aware(moment).astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def as_stored(moment: datetime) -> datetime:
    """A moment as the site's columns hold it."""
    if settings.USE_TZ or timezone.is_naive(moment):
        return moment
    return timezone.make_naive(moment)
