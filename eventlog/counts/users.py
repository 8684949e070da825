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

MAX_KEYS = 100_000  # in one query, whose bytes MariaDB limits, to 16 MB by default


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
    """Like ``count_users()``, for different primary keys of users."""
    keys, users = [*keys], get_user_model()._base_manager.all()
    parts = [keys[at : at + MAX_KEYS] for at in range(0, max(1, len(keys)), MAX_KEYS)]
    counts = [_count(with_keys(users, part), period_start) for part in parts]
    before = [each.joined_before for each in counts if each.joined_before is not None]
    return UserCounts(sum(each.all for each in counts), sum(before) if before else None)


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
