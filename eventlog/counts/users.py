"""Numbers of users with events."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Count, DateField, Q, QuerySet

from ..datetimes import to_db_timezone
from ..models import Log
from ..models.many_keys import with_keys
from ..models.relations import users_in


class UserCounts(NamedTuple):
    """The users with an event, and how many of them joined before the period.

    ``joined_before`` is None if the user model does not have a field ``date_joined``.
    """

    all: int
    joined_before: int | None


def count_users(events: QuerySet[Log], period_start: datetime) -> UserCounts:
    """Count the users of ``events``, also users that the default manager hides."""
    return _count(users_in(events, get_user_model()._base_manager), period_start)


def count_users_with_keys(keys: Collection[Any], period_start: datetime) -> UserCounts:
    """Like ``count_users()``, for the primary keys of users."""
    return _count(with_keys(get_user_model()._base_manager.all(), keys), period_start)


def _count(users: QuerySet[Any], period_start: datetime) -> UserCounts:
    if not _has_date_joined():
        return UserCounts(users.count(), None)
    joined_since = Count("pk", filter=Q(date_joined__gt=to_db_timezone(period_start)))
    found = users.aggregate(all=Count("pk"), joined_since=joined_since)
    return UserCounts(found["all"], found["all"] - found["joined_since"])


def _has_date_joined() -> bool:
    """Return whether the user model has a field, not a property, ``date_joined``."""
    try:
        field = get_user_model()._meta.get_field("date_joined")
    except FieldDoesNotExist:
        return False
    return isinstance(field, DateField)
