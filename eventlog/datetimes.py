"""Conversion of datetimes: to the columns of the database, to UTC, and to full hours."""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from django.conf import settings
from django.utils import timezone

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# Earlier and later datetimes count as these, because an offset must not leave the years 1 to 9999.
EARLIEST = datetime(1, 1, 4, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 27, 22, tzinfo=UTC)
_MAX_OFFSET = timedelta(hours=14)  # of a time zone from UTC


def aware(moment: datetime) -> datetime:
    """Add the time zone of the site if ``moment`` is naive, as on a site with USE_TZ=False."""
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment


def local(moment: datetime) -> datetime:
    """Return ``moment`` in the current time zone; unchanged if naive or at the calendar's ends."""
    try:
        return timezone.localtime(moment) if timezone.is_aware(moment) else moment
    except OverflowError:
        return moment


def to_utc(moment: datetime) -> datetime:
    """Convert ``moment`` to UTC, because PostgreSQL refuses offsets of 16 hours and more.

    Raise ``OverflowError`` if the offset of a time zone would leave the years 1 to 9999.
    """
    moment = aware(moment).astimezone(UTC)
    for offset in (-_MAX_OFFSET, _MAX_OFFSET):
        moment + offset
    return moment


def shifted(moment: datetime, by: timedelta) -> datetime:
    """Return ``moment`` moved by a time span; unchanged at the ends of the calendar."""
    try:
        return (moment + by).replace(fold=moment.fold)
    except OverflowError:
        return moment


def exact_text(moment: datetime) -> str:
    """Return ``moment`` in ISO 8601, so that it can be read again.

    The site's clocks show some hours twice. In the second of them, a naive time gets its offset.
    """
    return (aware(moment) if moment.fold else moment).isoformat()


def hour_of(moment: datetime) -> datetime:
    """Return the start in UTC of the hour that contains ``moment`` in ``TIME_ZONE``.

    In zones with an offset such as +05:30, hours start at half past in UTC.
    """
    wall = moment.replace(tzinfo=UTC)
    if not EARLIEST <= wall <= LATEST:
        moment = EARLIEST if wall < EARLIEST else LATEST
    if timezone.is_naive(moment):
        moment = moment.replace(fold=0)  # because no column stores the fold that drivers set
    minutes = _minutes_of(timezone.get_default_timezone(), timezone.now().year)
    shifted = aware(moment).astimezone(UTC) + minutes
    return shifted.replace(minute=0, second=0, microsecond=0) - minutes


@lru_cache(maxsize=8)
def _minutes_of(zone: tzinfo, year: int) -> timedelta:
    """Return the minutes of the offset of ``zone`` from UTC in January of ``year``."""
    return (zone.utcoffset(datetime(year, 1, 1)) or timedelta()) % HOUR


def to_db_timezone(moment: datetime) -> datetime:
    """Convert ``moment`` to the form that the columns of the site store."""
    if settings.USE_TZ or timezone.is_naive(moment):
        return moment
    return timezone.make_naive(moment)
