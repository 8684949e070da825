"""Anonymizing: removing every person from an event, as the erasure of each of them would."""

from collections.abc import Sequence

from django.db.models import Case, CharField, F, Q, QuerySet, Value, When

from ..changes import KEY as CHANGES
from ..models import LogQuerySet
from ..models.expressions import HasAnyKey, WithoutKeys
from ..models.pending_key import PendingKey
from ..people import ACTING_KEYS, PERSONAL_KEYS, user_types

REMOVED_KEYS = tuple(sorted(PERSONAL_KEYS | ACTING_KEYS))


def personal_data_condition() -> Q:
    """Return the condition that something is left to remove from an event."""
    named = Q(user__isnull=False) | Q(user_repr__gt="") | Q(ip__isnull=False)
    about = Q(object_id__isnull=False) | Q(object_repr__gt="") | Q(HasAnyKey(CHANGES))
    return named | (_is_about_account() & about) | Q(HasAnyKey(*REMOVED_KEYS))


def anonymize(events: LogQuerySet, keys: Sequence[int]) -> None:
    """Remove all persons from the events, which have these primary keys.

    The caller marks the hours of the events with ``CountedHour.mark_uncounted()``.
    """
    # A foreign key that could not be written with the event waits as a PendingKey. It would be
    # filled in later.
    PendingKey.objects.using(events.db).filter(event_id__in=keys).delete()
    about = _is_about_account()
    # LogQuerySet.update() would mark the hours, so that the next run would check them again.
    QuerySet.update(
        events,
        user=None,
        user_repr="",
        ip=None,
        object_id=_unless(about, "object_id", None),
        object_repr=_unless(about, "object_repr", ""),
        extra=Case(
            When(about, then=WithoutKeys(*REMOVED_KEYS, CHANGES)),
            default=WithoutKeys(*REMOVED_KEYS),
        ),
    )


def _is_about_account() -> Q:
    return Q(content_type__in=user_types())


def _unless(condition: Q, column: str, value: str | None) -> Case:
    replaced = When(condition, then=Value(value))
    return Case(replaced, default=F(column), output_field=CharField())
