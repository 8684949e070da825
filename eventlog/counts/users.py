"""Numbers of users with events."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Count, DateField, Q, QuerySet

from ..datetimes import to_db_timezone
from ..models import Log
from ..models.many_keys import with_keys
from ..models.relations import users_in


def count_users(events: QuerySet[Log], start: datetime) -> tuple[int, int | None]:
    """Count the users of ``events``, and among them those who joined before ``start``.

    Users that the default manager hides are counted too. The second number is None if the model
    does not have a field ``date_joined``.
    """
    return _count(users_in(events, get_user_model()._base_manager), start)


def count_users_with_keys(keys: Collection[Any], start: datetime) -> tuple[int, int | None]:
    """Like ``count_users()``, for the primary keys of users."""
    return _count(with_keys(get_user_model()._base_manager.all(), keys), start)


def _count(users: QuerySet[Any], start: datetime) -> tuple[int, int | None]:
    if not _has_date_joined():
        return users.count(), None
    joined = Count("pk", filter=Q(date_joined__gt=to_db_timezone(start)))
    found = users.aggregate(all=Count("pk"), joined=joined)
    return found["all"], found["all"] - found["joined"]


def _has_date_joined() -> bool:
    """Return whether the user model has a field, not a property, ``date_joined``."""
    try:
        field = get_user_model()._meta.get_field("date_joined")
    except FieldDoesNotExist:
        return False
    return isinstance(field, DateField)
