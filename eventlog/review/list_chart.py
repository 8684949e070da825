"""The chart above the list as SVG: low bars, and the times below them.

A narrow window has no room for links of single bars, so there each link covers several bars.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any, NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from .. import formats
from ..datetimes import DAY, MINUTE, local
from .charts import WIDTH, rounded_coordinate
from .fast_html import fast_html
from .histogram import WIDTHS

HEIGHT, GAP = 48, 2
MAX_ZONES = 12  # links in a narrow window
MAX_TICKS = 6  # times below the bars, which a narrow window has room for
MAX_TICK_SHARE = 0.9  # of the width, because a time further right does not fit


class ListChartBar(NamedTuple):
    """A bar: its number of events, the link to them, and its tooltip."""

    amount: int
    address: str
    label: str


def list_chart(
    bars: Sequence[ListChartBar], zones: Sequence[ListChartBar], label: Any
) -> SafeString:
    """Return the bars; ``zones`` are the links of a narrow window."""
    most = max((bar.amount for bar in bars), default=0) or 1
    step = WIDTH / max(1, len(bars))
    wide = rounded_coordinate(max(1.0, step - GAP))
    drawn = [
        (x, rounded_coordinate(HEIGHT - tall), wide, rounded_coordinate(tall))
        for number, bar in enumerate(bars)
        # An event among thousands must be visible.
        for tall in [max(2.0, bar.amount / most * (HEIGHT - 2)) if bar.amount else 0.0]
        for x in [rounded_coordinate(number * step)]
    ]
    return format_html(
        '<svg class="strip" viewBox="0 0 {} {}" preserveAspectRatio="none" role="group" '
        'aria-label="{}"><g class="bars">{}</g><g class="zones">{}</g></svg>',
        WIDTH,
        HEIGHT,
        label,
        format_html_join(
            "",
            '{}<rect class="amount" x="{}" y="{}" width="{}" height="{}"/></a>',
            ((area, *bar) for area, bar in zip(_areas(bars, step), drawn, strict=True)),
        ),
        format_html_join("", "{}</a>", ((area,) for area in _areas(zones, per_zone(bars) * step))),
    )


def _areas(bars: Sequence[ListChartBar], step: float) -> Iterator[SafeString]:
    """Yield the start of each link, with its area over the full height."""
    for number, bar in enumerate(bars):
        yield fast_html(
            '<a href="{}" tabindex="-1" aria-label="{}"><rect class="area" x="{}" y="0" width="{}" '
            'height="{}"><title>{}</title></rect>',
            bar.address,
            bar.label,
            rounded_coordinate(number * step),
            rounded_coordinate(min(step, WIDTH - number * step)),
            HEIGHT,
            bar.label,
        )


def per_zone(bars: Sequence[Any]) -> int:
    """Return how many bars a link of a narrow window covers."""
    return max(1, ceil(len(bars) / MAX_ZONES))


def list_chart_times(starts: Sequence[datetime], width: timedelta) -> SafeString:
    """Return the times below the bars. Its widths are in percent, so that text is not stretched."""
    ticks = [
        (rounded_coordinate(100 * number / len(starts)), text)
        for number, text in _ticks(starts, width)
        if number / len(starts) <= MAX_TICK_SHARE
    ]
    return format_html(
        '<svg class="times" aria-hidden="true">{}</svg>',
        format_html_join(
            "",
            '<line x1="{0}%" x2="{0}%" y1="0" y2="4"/><text x="{0}%" y="14">{1}</text>',
            ticks,
        ),
    )


def _ticks(starts: Sequence[datetime], width: timedelta) -> Iterator[tuple[int, str]]:
    """Yield the numbers of the bars that start at a round time, each with this time."""
    here = [local(start) for start in starts]
    fitting = (each for each in WIDTHS if each >= width and len(starts) * width <= MAX_TICKS * each)
    between = next(fitting, width * ceil(len(starts) / MAX_TICKS))
    first = next((number for number, start in enumerate(here) if _is_round(start, between)), 0)
    for number in range(first, len(starts), between // width):
        yield number, time_of_day(here[number], between)


def _is_round(start: datetime, between: timedelta) -> bool:
    of_day = timedelta(hours=start.hour, minutes=start.minute, seconds=start.second)
    return not of_day % min(between, DAY)


def time_of_day(start: datetime, between: timedelta) -> str:
    """Return the time of a tick, or its date at midnight."""
    if between >= DAY or not (start.hour or start.minute or start.second):
        return formats.day_of_year(start)
    return formats.time(start, seconds=between < MINUTE)
