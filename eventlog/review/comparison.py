"""The comparison of a period with the period before it."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .. import formats
from ..counts.period import PeriodCounts
from ..datetimes import local

WEEK = timedelta(weeks=1)
MAX_PERCENT = 1000  # a larger increase is a factor, because +66,900 % is hard to read


class Change(NamedTuple):
    """The change of a figure, in short and in words for screen readers."""

    text: str
    spoken: str


def shift_of(length: timedelta) -> timedelta:
    """Return the whole weeks between a period and the period that it is compared with.

    Whole weeks, because a Monday has to be compared with a Monday.
    """
    return -(-length // WEEK) * WEEK


def figure_change(now: float, before: float, before_text: str) -> Change | None:
    """Return the change from ``before`` to ``now``; None if there was nothing before."""
    if not before:
        return None
    percent = round(100 * (now - before) / before)
    share = formats.number(abs(percent))
    values = {"percent": share, "before": before_text}
    if percent > MAX_PERCENT:
        factor = formats.number(round(now / before))
        spoken = _("%(factor)s times as much as in the period before: %(before)s")
        return Change(f"{factor} \N{MULTIPLICATION SIGN}", spoken % (values | {"factor": factor}))
    if percent > 0:
        spoken = _("%(percent)s percent more than in the period before: %(before)s") % values
        return Change(formats.percent(share, "+"), spoken)
    if percent < 0:
        spoken = _("%(percent)s percent less than in the period before: %(before)s") % values
        return Change(formats.percent(share, "\N{MINUS SIGN}"), spoken)
    return Change(formats.percent("0", "±"), _("as in the period before: %(before)s") % values)


def moment_text(moment: datetime) -> str:
    """Return a date with its time, in the current time zone."""
    return formats.minute(local(moment))


def why_not_compared(
    counts: PeriodCounts, start: datetime, oldest: datetime | None, *, has_bounds: bool
) -> str:
    """Return the reason why a period cannot be compared; empty if there is none.

    ``start`` is the start of the period before, ``oldest`` is the time of the oldest event.
    """
    if has_bounds:
        return _("The figures are not compared, because the search has a period of its own.")
    if counts.is_cut:
        return _("The figures are not compared, because only the newest events are counted.")
    if oldest is None or oldest > start:
        return _(
            "The figures are not compared, because events of the period before"
            " were deleted or not recorded."
        )
    return ""


def why_not_counted(counts: PeriodCounts, previous: PeriodCounts) -> str:
    """Return the reason why the counts of two periods cannot be compared; empty if they can."""
    if previous.is_cut:
        return _("The figures are not compared, because the period before has too many events.")
    if missing := len({*counts.missing, *previous.missing}):
        return ngettext(
            "The figures are not compared, because %(count)d hour of the two periods"
            " is not counted yet.",
            "The figures are not compared, because %(count)d hours of the two periods"
            " are not counted yet.",
            missing,
        ) % {"count": missing}
    return ""
