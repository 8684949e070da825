"""Writing to a month that has no partition."""

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from eventlog.backends import destinations
from eventlog.backends.queued import deliver_or_dead_letter
from eventlog.models import Log, log
from eventlog.partitions.missing import MissingPartition, is_missing_partition
from eventlog.records.record import Record

from .support import only_months, this_month

pytestmark = [pytest.mark.usefixtures("partitioned"), pytest.mark.django_db]


def write(backend, *events):
    """Write events, each an action and a time, without waiting for a commit."""
    records = [Record.build(None, action, dateof=when) for action, when in events]
    backend.write(records)


def logged():
    return sorted(Log.objects.values_list("action", flat=True))


def dead_letters(backend):
    return [letter.reason for letter in backend.spool.dead_letters.read()]


def test_events_wait_for_the_current_month(backend, caplog):
    only_months(1)
    write(backend, ("A", timezone.now()))
    assert not backend.flush()
    assert "Run manage.py eventlog_partition --apply" in caplog.text
    assert (logged(), dead_letters(backend)) == ([], [])
    call_command("eventlog_partition", "--apply", verbosity=0)
    assert backend.flush()
    assert logged() == ["A"]


def test_events_of_the_next_month_wait(backend):
    only_months(0)
    write(backend, ("A", this_month(1).replace(day=3)))
    assert not backend.flush()
    assert dead_letters(backend) == []


@pytest.mark.parametrize("month", [-2, 12])
def test_events_outside_the_months_become_dead_letters(backend, month):
    only_months(-1, 0, 1)
    write(backend, ("FAR", this_month(month)), ("A", timezone.now()))
    assert backend.flush()
    assert logged() == ["A"]
    (reason,) = dead_letters(backend)
    assert "no partition" in reason


def test_a_dead_letter_is_retried_once_its_month_exists(backend):
    only_months(0, 1)
    write(backend, ("PAST", this_month(-2)))
    backend.flush()
    first = f"--from={this_month(-2):%Y-%m}"
    call_command("eventlog_partition", "--apply", first, verbosity=0)
    assert backend.spool.dead_letters.retry() == 1
    assert backend.flush()
    assert logged() == ["PAST"]


def test_a_batch_waits_as_a_whole(backend):
    only_months(-1)
    now = "NOW", timezone.now()
    write(backend, ("FAR", this_month(-5)), ("PAST", this_month(-1)), now)
    assert not backend.flush()
    assert (logged(), dead_letters(backend)) == ([], [])
    call_command("eventlog_partition", "--apply", verbosity=0)
    assert backend.flush()
    assert logged() == ["NOW", "PAST"]
    assert len(dead_letters(backend)) == 1


def test_a_batch_is_written_once(backend):
    lines = [Record.build(None, "A").to_json(), Record.build(None, "B").to_json()]
    for _ in range(2):
        deliver_or_dead_letter("some-id", lines, destinations.current("default"))
    assert logged() == ["A", "B"]


def test_a_worker_of_a_task_queue_tries_again():
    only_months()
    with pytest.raises(MissingPartition):
        deliver_or_dead_letter(
            "some-id", [Record.build(None, "A").to_json()], destinations.current("default")
        )


def test_log_raises_in_a_transaction():
    only_months(1)
    with pytest.raises(IntegrityError), transaction.atomic():
        log(None, "A")
    assert logged() == []


def test_a_check_constraint_is_another_violation():
    with pytest.raises(IntegrityError) as raised, transaction.atomic():
        Log.objects.create(action="X", status=-1)
    assert not is_missing_partition(raised.value)
    only_months()
    with pytest.raises(IntegrityError) as raised, transaction.atomic():
        Log.objects.create(action="X", timestamp=timezone.now())
    assert is_missing_partition(raised.value)
    assert not is_missing_partition(IntegrityError())
    assert connection.vendor == "postgresql"
