"""Numbers, durations and dates as text, in the formats of the active language.

A site may change the formats by its setting ``FORMAT_MODULE_PATH``. Times always have 24 hours.
"""

import re
from datetime import date, datetime

from django.utils import dateformat
from django.utils.formats import date_format, get_format, number_format
from django.utils.translation import gettext as _

_MONTH = re.compile(r"(?<!\\)[FN]")  # the name of the month, long or as newspapers abbreviate it


def number(count: int) -> str:
    """Return a whole number with separators of thousands."""
    return number_format(count, force_grouping=True)


def decimal(value: float, places: int = 1) -> str:
    """Return a number with this many digits after the decimal separator."""
    return number_format(f"{value:.{places}f}", places, use_l10n=True)


def percent(share: str, sign: str = "") -> str:
    """Return a share in percent, such as "12 %"."""
    # Translators: the space before the sign for percent, or none.
    return sign + _("%(number)s %%") % {"number": share}


def day(moment: date) -> str:
    """Return a date such as "Jan 31, 2026"."""
    return dateformat.format(moment, _day())


def _day() -> str:
    return _MONTH.sub("M", get_format("DATE_FORMAT"))


def day_of_year(moment: date) -> str:
    """Return a date without its year, such as "Jan 31"."""
    return date_format(moment, _MONTH.sub("M", get_format("MONTH_DAY_FORMAT")))


def day_of_week(moment: date) -> str:
    """Return a date with the day of the week, such as "Saturday, January 31, 2026"."""
    named = _MONTH.sub("F", get_format("DATE_FORMAT"))
    # Translators: the heading of a day, such as "Saturday, January 31, 2026".
    return _("%(weekday)s, %(date)s") % {
        "weekday": date_format(moment, "l"),
        "date": date_format(moment, named),
    }


def time(moment: datetime, *, seconds: bool = False) -> str:
    """Return the time of day."""
    return dateformat.format(moment, _time(seconds=seconds))


def _time(*, seconds: bool) -> str:
    return "H:i:s" if seconds else "H:i"


def minute(moment: datetime, *, seconds: bool = False) -> str:
    """Return a date with its time, such as "Jan 31, 2026 09:30"."""
    return dateformat.format(moment, f"{_day()} {_time(seconds=seconds)}")
