"""Charts as SVG, drawn here: no script is needed to see or to print them.

Colours come from the style sheet, by class. Each mark links to its events. What a chart shows is
beside it as a table, with the same links, for whoever does not see it or has no pointer.
"""

from collections.abc import Sequence
from math import ceil, sqrt
from typing import Any, NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


class Mark(NamedTuple):
    """A part of a column: how much, of what, and where its events are."""

    series: str  # a class of the style sheet
    amount: int
    label: str  # what a pointer that rests on it is told
    address: str


WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 960, 200, 44, 20, 8


def columns(stacks: Sequence[tuple[str, Sequence[Mark]]], label: Any) -> SafeString:
    """Columns over time, each with what stands in it on top of one another."""
    most = _round_up(max((sum(m.amount for m in marks) for _, marks in stacks), default=0))
    step = (WIDTH - LEFT) / max(1, len(stacks))
    room = HEIGHT - TOP - BOTTOM
    drawn, names = [], []
    every = max(1, -(-len(stacks) // 10))
    for number, (name, marks) in enumerate(stacks):
        left, bottom = LEFT + number * step, float(HEIGHT - BOTTOM)
        for mark in marks:
            height = mark.amount / most * room
            bottom -= height
            drawn.append((mark.address, mark.series, left, bottom, step * 0.86, height, mark.label))
        if number % every == 0 and left + 7 * len(name) < WIDTH:  # that it fits
            names.append((left, HEIGHT - 5, name))
    lines = [
        (y, amount)
        for amount in (0, most // 2, most)
        for y in [HEIGHT - BOTTOM - amount / most * room]
    ]
    return format_html(
        '<svg class="columns" viewBox="0 0 {} {}" role="group" aria-label="{}">{}{}{}</svg>',
        WIDTH,
        HEIGHT,
        label,
        format_html_join(
            "",
            '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>'
            '<text class="scale" x="{}" y="{}">{}</text>',
            (
                (LEFT, WIDTH, _n(y), _n(y), LEFT - 6, _n(max(y + 4, 10)), short(amount))
                for y, amount in lines
            ),
        ),
        format_html_join(
            "",
            '<a href="{}" tabindex="-1" aria-label="{}">'
            '<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect></a>',
            (
                (address, title, series, _n(x), _n(y), _n(width), _n(height), title)
                for address, series, x, y, width, height, title in drawn
                if height
            ),
        ),
        format_html_join(
            "", '<text class="name" x="{}" y="{}">{}</text>', ((_n(x), y, n) for x, y, n in names)
        ),
    )


def heat(cells: Sequence[Sequence[int]], days: Sequence[Any], label: Any) -> SafeString:
    """The hours of a week: a row a day, a cell an hour, darker where more happened.

    By the square root, or one busy hour would leave all others alike.
    """
    most = max((count for row in cells for count in row), default=0) or 1
    size, left = 36, 44
    squares = [
        (
            f"heat h{ceil(8 * sqrt(count / most))}",
            left + hour * size,
            4 + day * 22,
            size - 2,
            20,
            f"{days[day]} {hour:02}:00 · {count:,}",
        )
        for day, row in enumerate(cells)
        for hour, count in enumerate(row)
    ]
    return format_html(
        '<svg class="week" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}</svg>',
        left + 24 * size,
        4 + 7 * 22 + 16,
        label,
        format_html_join(
            "",
            '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="2"><title>{}</title></rect>',
            squares,
        ),
        format_html_join(
            "",
            '<text class="scale" x="{}" y="{}">{}</text>',
            ((left - 6, 18 + number * 22, day) for number, day in enumerate(days)),
        ),
        format_html_join(
            "",
            '<text class="name" x="{}" y="{}">{}</text>',
            ((left + hour * size, 4 + 7 * 22 + 12, f"{hour:02}") for hour in range(0, 24, 3)),
        ),
    )


def bar(amount: int, most: int) -> SafeString:
    """How much that is of the most, as a bar to stand in a table."""
    return format_html(
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect width="{}" height="8"/></svg>',
        _n(100 * amount / most if most else 0),
    )


def short(amount: int) -> str:
    """A number for a scale."""
    for unit, size in (("M", 1_000_000), ("k", 1000)):
        if amount >= size:
            return f"{amount / size:.1f}".removesuffix(".0") + unit
    return str(amount)


def _round_up(amount: int) -> int:
    """The next number that reads well on a scale."""
    size = 10 ** max(0, len(str(amount)) - 1)
    return next(n * size for n in (1, 2, 3, 4, 5, 6, 8, 10) if n * size >= amount) if amount else 2


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
