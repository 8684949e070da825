"""Pruning of a partitioned table, in databases of their own."""

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone

from eventlog.models import CountedHour, Log
from eventlog.partitions.locks import LockWaits
from eventlog.partitions.pruning import MARK, drop_months

from .support import execute, in_month, names, only_months, this_month, value

IMPATIENT = LockWaits(timeout_ms=1, attempts=1)


@pytest.fixture
def months(database, settings):
    """Make four months with an event each, and an event of each kind in the oldest."""
    settings.EVENTLOG = {"ACCESS": {"prune": False}}
    call_command("eventlog_partition", "--apply", verbosity=0)
    only_months(-3, -2, -1, 0, 1)
    Log.objects.bulk_create(
        [
            in_month(-3, action="LOGIN"),
            *(in_month(number, action=f"GET{-number}") for number in (-3, -2, -1)),
        ]
    )


def age_of(month):
    return f"{(timezone.now() - this_month(month)).total_seconds() // 3600:.0f}h"


def prune(*args):
    call_command("eventlog_prune", *args, "--pause=0")
    return set(Log.objects.values_list("action", flat=True))


def test_whole_months_are_dropped_and_counted(months, capsys):
    before = names()
    assert prune(age_of(-1)) == {"GET1"}
    assert names() == before[2:]
    assert "3 events deleted." in capsys.readouterr().out
    assert not value("SELECT COUNT(*) FROM pg_class WHERE relname = %s", before[0])


def test_a_part_of_a_month_is_deleted_by_rows(months):
    in_month(-1, day=1, action="EARLY").save()
    middle = (this_month(-1).replace(day=5) - this_month(-1)).days * 24
    hours = int(age_of(-1)[:-1]) - middle
    assert prune(f"{hours}h") == {"GET1"}
    assert len(names()) == 3


def test_no_month_with_a_kept_event_is_dropped(months):
    assert prune(age_of(-1), "--keep=LOGIN") == {"GET1", "LOGIN"}
    assert len(names()) == 4  # the month that became empty is dropped


def test_only_the_events_of_an_action_are_deleted(months):
    assert prune(age_of(0), "--action=GET*") == {"LOGIN"}
    assert len(names()) == 3


def test_a_dry_run_drops_nothing(months):
    assert len(prune(age_of(0), "--dry-run")) == 4
    assert len(names()) == 5


def test_dropping_is_recorded(months, settings):
    settings.EVENTLOG = {}
    actions = prune(age_of(0))
    assert actions == {"EVENTLOG_PRUNE_STARTED", "EVENTLOG_PRUNED"}
    assert Log.objects.action("EVENTLOG_PRUNED").get().extra["count"] == 4


def test_counts_of_dropped_hours_are_dropped(months):
    call_command("eventlog_count", verbosity=0)
    prune(age_of(-1))
    assert not CountedHour.objects.filter(hour__lt=this_month(-1)).exists()


def test_an_interrupted_detachment_is_finished(months):
    reader = connection.copy()
    reader.set_autocommit(False)
    with reader.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM eventlog_log")
        with pytest.raises(OperationalError):
            [*drop_months(this_month(-2), waits=IMPATIENT)]
    reader.close()
    assert value("SELECT COUNT(*) FROM pg_inherits WHERE inhdetachpending") == 1
    (dropped,) = drop_months(this_month(-2))
    assert dropped.events == 2
    assert len(names()) == 4


def test_a_detached_table_is_dropped_by_the_next_pruning(months):
    oldest = names()[0]
    execute(
        f"ALTER TABLE eventlog_log DETACH PARTITION {oldest}",
        f"COMMENT ON TABLE {oldest} IS '{MARK}'",
    )
    (dropped,) = drop_months(this_month(-3))
    assert dropped.events == 2


def test_a_table_that_was_detached_by_hand_is_kept(months):
    oldest = names()[0]
    execute(f"ALTER TABLE eventlog_log DETACH PARTITION {oldest}")
    assert [*drop_months(this_month(-2))] == []
    assert value(f"SELECT COUNT(*) FROM {oldest}") == 2


def test_a_default_partition_does_not_prevent_dropping(months):
    execute("CREATE TABLE other PARTITION OF eventlog_log DEFAULT")
    assert len([*drop_months(this_month(-1))]) == 2


def test_without_partitions_nothing_is_dropped(database):
    in_month(-3).save()
    assert [*drop_months(this_month(0))] == []
