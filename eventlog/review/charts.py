"""Charts as SVG, which need no script.

The style sheet sets the colours by class, and each bar links to its events. A page also shows each
chart as a table with the same links, for screen readers and keyboards.
"""

from collections.abc import Iterable, Sequence
from math import ceil, sqrt
from typing import Any, NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from .. import formats


class Bar(NamedTuple):
    """A segment of a stacked column."""

    series: str  # a class of the style sheet
    amount: int
    label: str  # the tooltip
    address: str


class Chart(NamedTuple):
    """A chart in two parts, because the axis stays visible while the plot scrolls."""

    axis: SafeString
    plot: SafeString


# The style sheet repeats the width of the axis, so that both parts have the same scale.
AXIS_WIDTH, WIDTH, HEIGHT, BOTTOM, TOP = 44, 916, 200, 20, 8
ROW_HEIGHT = 22
WEEK_HEIGHT = 4 + 7 * ROW_HEIGHT + 16


def stacked_columns(stacks: Sequence[tuple[str, Sequence[Bar]]], label: Any) -> Chart:
    """Return stacked columns over time."""
    most = _round_up(max((sum(m.amount for m in bars) for _, bars in stacks), default=0))
    step = WIDTH / max(1, len(stacks))
    room = HEIGHT - TOP - BOTTOM
    drawn, names = [], []
    every = max(1, -(-len(stacks) // 10))
    for number, (name, bars) in enumerate(stacks):
        left, bottom = number * step, float(HEIGHT - BOTTOM)
        for bar in bars:
            height = bar.amount / most * room
            bottom -= height
            place = map(rounded_coordinate, (left, bottom, step * 0.86, height))
            drawn.append((height, (bar.address, bar.label, bar.series, *place, bar.label)))
        if number % every == 0 and left + 7 * len(name) < WIDTH:  # because longer names do not fit
            names.append((rounded_coordinate(left), HEIGHT - 5, name))
    scale = [(HEIGHT - BOTTOM - amount / most * room, amount) for amount in (0, most // 2, most)]
    axis = _axis((max(y + 4, 10), short_number(amount)) for y, amount in scale)
    plot = format_html(
        '<svg class="columns" viewBox="0 0 {} {}" role="group" aria-label="{}">{}{}{}</svg>',
        WIDTH,
        HEIGHT,
        label,
        format_html_join(
            "",
            '<line class="grid" x1="0" x2="{}" y1="{}" y2="{}"/>',
            ((WIDTH, rounded_coordinate(y), rounded_coordinate(y)) for y, _amount in scale),
        ),
        format_html_join(
            "",
            '<a href="{}" tabindex="-1" aria-label="{}">'
            '<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect></a>',
            (values for height, values in drawn if height),
        ),
        _names(names),
    )
    return Chart(_axis_svg(HEIGHT, axis), plot)


def heatmap(cells: Sequence[Sequence[int]], days: Sequence[Any], label: Any) -> Chart:
    """Return the hours of a week: a row for each day, a darker cell for more events.

    The scale is a square root, because one busy hour would make all others look alike.
    """
    most = max((count for row in cells for count in row), default=0) or 1
    size = WIDTH / 24
    squares = [
        (
            f"heat h{ceil(8 * sqrt(count / most))}",
            rounded_coordinate(hour * size),
            4 + day * ROW_HEIGHT,
            rounded_coordinate(size - 2),
            ROW_HEIGHT - 2,
            f"{days[day]} {hour:02}:00 · {formats.number(count)}",
        )
        for day, row in enumerate(cells)
        for hour, count in enumerate(row)
    ]
    plot = format_html(
        '<svg class="week" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>',
        WIDTH,
        WEEK_HEIGHT,
        label,
        format_html_join(
            "",
            '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="2"><title>{}</title></rect>',
            squares,
        ),
        _names(
            (rounded_coordinate(hour * size), WEEK_HEIGHT - 4, f"{hour:02}")
            for hour in range(0, 24, 3)
        ),
    )
    axis = _axis((18 + number * ROW_HEIGHT, day) for number, day in enumerate(days))
    return Chart(_axis_svg(WEEK_HEIGHT, axis), plot)


def _axis(labels: Iterable[tuple[float, Any]]) -> SafeString:
    return format_html_join(
        "",
        '<text class="scale" x="{}" y="{}">{}</text>',
        ((AXIS_WIDTH - 6, rounded_coordinate(y), label) for y, label in labels),
    )


def _axis_svg(height: int, labels: SafeString) -> SafeString:
    """Return the axis, which is hidden from screen readers because the table has its labels."""
    return format_html(
        '<svg class="axis" viewBox="0 0 {} {}" aria-hidden="true">{}</svg>',
        AXIS_WIDTH,
        height,
        labels,
    )


def _names(names: Iterable[tuple[str, int, str]]) -> SafeString:
    return format_html_join("", '<text class="name" x="{}" y="{}">{}</text>', names)


def share_bar(amount: float, most: float) -> SafeString:
    """Return a bar for a table, as long as the share of ``most``."""
    return format_html(
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect width="{}" height="8"/></svg>',
        rounded_coordinate(100 * amount / most if most else 0),
    )


def short_number(amount: int) -> str:
    """Return a number for a scale, such as 1.5k."""
    for unit, size in (("M", 1_000_000), ("k", 1000)):
        if amount >= size:
            tenths = round(amount / size, 1)
            return formats.decimal(tenths, 0 if tenths == int(tenths) else 1) + unit
    return str(amount)


def _round_up(amount: int) -> int:
    """Return the next round number for a scale."""
    size = 10 ** max(0, len(str(amount)) - 1)
    return next(n * size for n in (1, 2, 3, 4, 5, 6, 8, 10) if n * size >= amount) if amount else 2


def rounded_coordinate(number: float) -> str:
    """Return a coordinate with at most one decimal."""
    return f"{number:.1f}".removesuffix(".0")
