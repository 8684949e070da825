"""Filters of time: ``last:``, ``from:``, ``to:`` and ``at:``."""

import re
from datetime import MAXYEAR, datetime, time, timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from ...datetimes import DAY, aware, local, to_db_timezone, to_utc
from .condition import Condition, InvalidTermError
from .tree import Term

TIME_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def time_as_term(moment: datetime) -> str:
    """Return a time for a term, in the current time zone and without what goes without saying.

    The offset is left out, except in the hour that the clocks show twice. Seconds are left out if
    they are 0.
    """
    moment = local(aware(moment))
    timespec = "auto" if moment.second or moment.microsecond else "minutes"
    is_clear = len({moment.replace(fold=fold).utcoffset() for fold in (0, 1)}) == 1
    if moment.tzinfo != timezone.get_current_timezone():  # at the ends of the calendar
        is_clear = False
    return (moment.replace(tzinfo=None) if is_clear else moment).isoformat(timespec=timespec)


def last(value: str) -> Condition:
    """Find the events since a time span ago."""
    if not (match := re.fullmatch(r"(\d{1,4})([mhdw])", value)):
        near = re.match(r"(\d{1,4})([mhdw])", value.replace(" ", "").lower())
        raise InvalidTermError(
            _("%(value)r is not a time span. Use a number and m, h, d or w, such as 24h or 7d.")
            % {"value": value},
            Term("last", near[0]) if near else None,
        )
    length = timedelta(**{TIME_UNITS[match[2]]: int(match[1])})
    return Condition(Q(timestamp__gte=timezone.now() - length))


def from_(value: str) -> Condition:
    """Find the events from a time on."""
    return Condition(Q(timestamp__gte=_parse(value)))


def to(value: str) -> Condition:
    """Find the events before a time; a date includes its day."""
    is_date = len(value) <= len("2026-01-01")
    return Condition(Q(timestamp__lt=_parse(value, DAY if is_date else timedelta())))


def at(value: str) -> Condition:
    """Find the events of a minute and of the minutes next to it; with seconds, of seconds."""
    if len(value) < len("2026-01-01T10:30"):
        raise InvalidTermError(
            _("%(value)r has no time of day. Use a form such as 2026-01-31T09:30.")
            % {"value": value},
            Term("from", value) if len(value) == len("2026-01-01") else None,
        )
    moment = _parse(value)
    has_seconds = re.search(r"T\d\d:?\d\d:?\d\d", value.replace(" ", "T")) is not None
    unit = timedelta(seconds=1) if has_seconds else timedelta(minutes=1)
    start = moment.replace(microsecond=0)
    try:
        return Condition(Q(timestamp__gte=start - unit, timestamp__lt=start + 2 * unit))
    except OverflowError as error:
        raise InvalidTermError(_("%(value)r is out of range.") % {"value": value}) from error


def _parse(value: str, more: timedelta = timedelta()) -> datetime:
    try:
        moment = parse_datetime(value) or datetime.combine(parse_date(value), time.min)  # type: ignore[arg-type]
        if moment.year < MAXYEAR:
            moment += more
        return to_db_timezone(to_utc(moment))
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidTermError(
            _("%(value)r is not a date. Use a form such as 2026-01-31 or 2026-01-31T09:30.")
            % {"value": value}
        ) from error
