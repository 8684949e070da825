import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest

from eventlog.partitions.months import TimeRange, gaps, month_of, months, months_later, sql_literal


def day(year, month, number=1):
    return datetime(year, month, number, tzinfo=UTC)


def test_a_month_begins_in_utc():
    berlin = timezone(timedelta(hours=1))
    assert month_of(datetime(2027, 1, 1, 0, 30, tzinfo=berlin)) == day(2026, 12)


@pytest.mark.parametrize(
    ("by", "expected"), [(1, day(2027, 1)), (14, day(2028, 2)), (-12, day(2025, 12)), (0, None)]
)
def test_months_are_counted_across_years(by, expected):
    assert months_later(day(2026, 12), by) == (expected or day(2026, 12))


def test_the_months_of_a_year_are_adjacent():
    found = [*months(day(2026, 1), day(2027, 1))]
    assert len(found) == 12
    assert all(a.upper == b.lower for a, b in itertools.pairwise(found))


MAY = TimeRange(day(2026, 5), day(2026, 6))


@pytest.mark.parametrize(
    ("covered", "missing"),
    [
        ([], [MAY]),
        ([TimeRange(None, None)], []),
        ([TimeRange(None, day(2026, 5, 20))], [TimeRange(day(2026, 5, 20), day(2026, 6))]),
        ([TimeRange(day(2026, 4), day(2026, 5)), TimeRange(day(2026, 6), None)], [MAY]),
        (
            [TimeRange(day(2026, 5, 8), day(2026, 5, 15))],
            [TimeRange(day(2026, 5), day(2026, 5, 8)), TimeRange(day(2026, 5, 15), day(2026, 6))],
        ),
    ],
)
def test_gaps_are_what_no_partition_takes(covered, missing):
    assert [*gaps(MAY, covered)] == missing


def test_a_bound_is_written_in_utc():
    assert sql_literal(day(2026, 5), "MINVALUE") == "'2026-05-01 00:00:00+00'"
    assert sql_literal(None, "MINVALUE") == "MINVALUE"
