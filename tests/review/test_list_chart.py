"""The chart above the list: its times, its maximum, and its links in a narrow window."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from eventlog.review.list_chart import MAX_TICKS, MAX_ZONES, list_chart_times

from ..events import found_by, write_request

pytestmark = pytest.mark.django_db

LIST = "/admin/eventlog/log/"
NOON = datetime(2026, 5, 1, 10, tzinfo=UTC)  # 12:00 in Berlin
HALF_HOUR = "from:2026-05-01T12:00 to:2026-05-01T12:30"


@pytest.fixture(autouse=True)
def _quiet(settings):
    settings.EVENTLOG = {"REQUESTS": []}


def chart(root, query=HALF_HOUR):
    for seconds in (725, 730, 765):
        write_request({}, timestamp=NOON + timedelta(seconds=seconds))
    return root.get(LIST, {"q": query}).context["cl"].chart


def links(svg):
    """Return the tooltip and the address of each link."""
    found = re.findall(r'<a href="([^"]*)"[^>]*aria-label="([^"]*)"', svg)
    return {label: address.replace("&amp;", "&") for address, label in found}


def texts(starts, width):
    return re.findall(r">([^<]+)</text>", list_chart_times(starts, width))


def test_bars_of_seconds_have_different_names_and_the_highest_is_a_number(root):
    found = chart(root)
    bars = links(str(found.svg).partition('<g class="zones">')[0])
    assert len(bars) == 60
    assert {"May 1, 2026 12:12:00 · 2", "May 1, 2026 12:12:30 · 1"} < bars.keys()
    assert (found.most, found.end) == ("2", "May 1, 2026 12:30:00")


def test_a_link_of_a_narrow_window_leads_to_the_events_of_several_bars(root):
    zones = links(str(chart(root).svg).partition('<g class="zones">')[2])
    assert len(zones) == MAX_ZONES
    label = "May 1, 2026 12:12:30 – May 1, 2026 12:15:00 · 1"  # noqa: RUF001 (a range)
    assert len(found_by(zones[label])) == 1
    assert sum(len(found_by(address)) for address in zones.values()) == 3


@pytest.mark.parametrize(
    ("minutes", "bars", "expected"),
    [
        (0.5, 60, ["12:00", "12:05", "12:10", "12:15", "12:20", "12:25"]),
        (30, 48, ["12:00", "18:00", "May 2", "06:00"]),
        (180, 56, ["May 2", "May 4", "May 6"]),
        (12 * 60, 60, ["May 2", "May 9", "May 16", "May 23"]),
        (7 * 24 * 60, 53, ["May 1", "Jul 3"]),
    ],
)
def test_round_times_are_below_the_bars(minutes, bars, expected):
    width = timedelta(minutes=minutes)
    found = texts([NOON + number * width for number in range(bars)], width)
    assert found[: len(expected)] == expected
    assert len(found) <= MAX_TICKS


def test_seconds_are_named_where_times_are_less_than_a_minute_apart():
    second = timedelta(seconds=1)
    found = texts([NOON + number * second for number in range(60)], second)
    assert found[:2] == ["12:00:00", "12:00:10"]
