"""The days and hours of a period in the current time zone."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .. import formats
from ..datetimes import DAY, HOUR, hour_of

PERIODS = {"24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "180d": 180 * DAY}
PERIOD_LABELS = {"24h": _("24 h"), "7d": _("7 d"), "30d": _("30 d"), "180d": _("180 d")}
_WIDTHS = {"24h": HOUR, "7d": 6 * HOUR, "30d": DAY, "180d": 5 * DAY}
WIDTH_TEXTS = {
    "24h": _("one bar = 1 hour"),
    "7d": _("one bar = 6 hours"),
    "30d": _("one bar = 1 day"),
    "180d": _("one bar = 5 days"),
}


class Bound(NamedTuple):
    """The start of a column of a chart."""

    name: str
    start: datetime


class Bucket(NamedTuple):
    """A column of a chart: the events from ``start`` up to ``end``."""

    name: str
    start: datetime
    end: datetime


def bounds_of(period: str, end: datetime) -> Sequence[Bound]:
    """Return the starts of the columns of a period that ends now.

    A column starts at a counted hour. That is up to 45 minutes early if the hours of the current
    time zone start at other minutes than the hours of ``TIME_ZONE``.
    """
    bounds: list[Bound] = []
    for wall, moment in _starts(period, end):
        start = hour_of(moment)
        if not bounds or start > bounds[-1].start:  # because a zone may skip a day
            bounds.append(Bound(_name(period, wall), start))
    return bounds


def _name(period: str, wall: datetime) -> str:
    step, day = _WIDTHS[period], formats.day_of_year(wall)
    if step >= DAY:
        return day
    return formats.time(wall) if step == HOUR else f"{day} {formats.time(wall)}"


def _starts(period: str, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield local times without a time zone, each with its moment."""
    zone, step = timezone.get_current_timezone(), _WIDTHS[period]
    if step == HOUR:  # in UTC, because the repeated hour in autumn is two hours
        moment = hour_of(end - PERIODS[period])
        while moment < end:
            yield moment.astimezone(zone), moment
            moment += HOUR
        return
    now = end.astimezone(zone).replace(tzinfo=None)
    wall = (now - PERIODS[period]).replace(minute=0, second=0, microsecond=0)
    wall -= timedelta(hours=wall.hour % (step // HOUR if step < DAY else 24))
    while wall <= now:
        yield wall, wall.replace(tzinfo=zone)
        wall += step


def buckets_of(bounds: Sequence[Bound], start: datetime, end: datetime) -> list[Bucket]:
    """Return the columns between ``start`` and ``end``."""
    ends = [*(bound.start for bound in bounds[1:]), end]
    return [
        Bucket(bound.name, max(bound.start, start), until)
        for bound, until in zip(bounds, ends, strict=True)
        if until > start
    ]
