"""Events without a partition: those that wait for their month, and those that are rejected."""

from datetime import datetime

from django.db import IntegrityError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from ..datetimes import aware
from .catalog import Partition, read_partitions, spans
from .locks import sqlstate_of
from .months import TimeRange, month_of, months_later

CHECK_VIOLATION = "23514"


class MissingPartition(Exception):  # noqa: N818 (the name of a state)
    """The month of an event should have a partition, so the event waits until it has one."""

    def __init__(self, moment: datetime) -> None:
        super().__init__(
            f"The table of events has no partition for {month_of(moment):%B %Y}. The events wait. "
            f"Run manage.py eventlog_partition --apply."
        )


def is_missing_partition(error: Exception) -> bool:
    """Return whether PostgreSQL has rejected a row because no partition takes it."""
    if not isinstance(error, IntegrityError) or sqlstate_of(error) != CHECK_VIOLATION:
        return False
    # The violation of a CHECK constraint has the same code, and names the constraint.
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) is None


def is_awaited(moment: datetime, connection: BaseDatabaseWrapper) -> bool:
    """Return whether the month of an event should have a partition, or will have one soon."""
    partitions = read_partitions(connection)
    return partitions is not None and expected_span(partitions).has(aware(moment))


def expected_span(partitions: list[Partition]) -> TimeRange:
    """Return the times that should have partitions: the oldest one up to the next month."""
    lowest = [each.lower for each in spans(partitions)]
    this_month = month_of(timezone.now())
    has_no_bound = None in lowest
    lower = None if has_no_bound else min([*filter(None, lowest), this_month])
    return TimeRange(lower, months_later(this_month, 2))


def uncovered_months(partitions: list[Partition]) -> tuple[bool, bool]:
    """Return whether the current moment, and the start of the next month, have no partition."""
    now, covered = timezone.now(), spans(partitions)
    moments = now, months_later(month_of(now))
    current, following = (not any(each.has(moment) for each in covered) for moment in moments)
    return current, following
