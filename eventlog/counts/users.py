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

MAX_KEYS = 100_000  # in one query, whose bytes MariaDB limits, to 16 MB by default


def count_users(events: QuerySet[Log], start: datetime) -> tuple[int, int | None]:
    """Count the users of ``events``, and among them those who joined before ``start``.

    Users that the default manager hides are counted too. The second number is None if the model
    does not have a field ``date_joined``.
    """
    return _count(users_in(events, get_user_model()._base_manager), start)


def count_users_with_keys(keys: Collection[Any], start: datetime) -> tuple[int, int | None]:
    """Like ``count_users()``, for different primary keys of users."""
    keys, users = [*keys], get_user_model()._base_manager.all()
    parts = [keys[at : at + MAX_KEYS] for at in range(0, max(1, len(keys)), MAX_KEYS)]
    counts = [_count(with_keys(users, part), start) for part in parts]
    active = [each for _used, each in counts if each is not None]
    return sum(used for used, _active in counts), sum(active) if active else None


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
