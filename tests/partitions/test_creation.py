"""Partitions of coming months, and the checks that they exist."""

import pytest
from django.core import checks
from django.core.management import CommandError, call_command
from django.db import connection

from eventlog.partitions.catalog import read_partitions
from eventlog.partitions.checks import check_partitions
from eventlog.partitions.missing import uncovered_months

from .support import execute, names, only_months, this_month

pytestmark = [pytest.mark.usefixtures("partitioned"), pytest.mark.django_db]


def create(*args):
    call_command("eventlog_partition", "--apply", *args, verbosity=0)


def check():
    return [(type(message), message.id) for message in check_partitions(["default"])]


def test_the_missing_months_are_created_once():
    only_months(1)
    create("--months-ahead=2")
    found = names()
    assert [each.lower for each in read_partitions(connection)] == [*map(this_month, range(3))]
    create("--months-ahead=2")
    assert names() == found


def test_past_months_are_created_on_demand():
    only_months(-2, 0)
    create(f"--from={this_month(-3):%Y-%m}", "--months-ahead=1")
    assert [each.lower for each in read_partitions(connection)] == [*map(this_month, range(-3, 2))]


def test_a_partition_of_another_tool_is_not_covered_twice():
    only_months()
    middle = this_month().replace(day=15)
    execute(
        "CREATE TABLE half PARTITION OF eventlog_log "
        f"FOR VALUES FROM ('{this_month()}') TO ('{middle}')"
    )
    create("--months-ahead=1")
    bounds = [each.lower for each in read_partitions(connection)]
    assert bounds == [this_month(), middle, this_month(1)]


def test_without_apply_the_statements_are_only_printed(capsys):
    only_months(0)
    call_command("eventlog_partition", "--months-ahead=1")
    output = capsys.readouterr().out
    assert f'ATTACH PARTITION "public"."eventlog_log_p{this_month(1):%Y_%m}"' in output
    assert len(names()) == 1


@pytest.mark.parametrize("option", ["--months-ahead=0", "--months-ahead=x", "--from=2026-13"])
def test_an_invalid_option_is_refused(option):
    with pytest.raises(CommandError, match="give"):
        create(option)


@pytest.mark.parametrize(
    ("months", "messages"),
    [
        ([0, 1], []),
        ([0], [(checks.Warning, "eventlog.W050")]),
        ([1], [(checks.Error, "eventlog.E050")]),
        ([], [(checks.Error, "eventlog.E050")]),
    ],
)
def test_a_check_reports_a_missing_month(months, messages):
    only_months(*months)
    assert check() == messages


def test_a_check_reports_a_default_partition():
    execute("CREATE TABLE other PARTITION OF eventlog_log DEFAULT")
    assert check() == [(checks.Warning, "eventlog.W051")]


def test_a_check_reads_no_other_database():
    only_months()
    assert check_partitions(["other"]) == []
    assert uncovered_months([]) == (True, True)
