"""Querysets of events."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from ..datetimes import DAY, shifted
from ..records.arguments import object_key
from ..records.user_state import UserState
from .fields import NameField
from .hourly import CountedHour

MAX_UPDATED_ROWS = 1000  # primary keys in one query

# The columns that the hourly counts depend on.
COUNTED_FIELDS = {
    "action",
    "timestamp",
    "extra",
    "is_request",
    "status",
    "ip",
    "own_keys",
    "user_state",
}


class LogQuerySet(models.QuerySet[Any]):
    """Filters for events, which can be chained.

    Deletions and updates mark the hours of the events as stale, so that they are counted again.
    """

    def for_user(self, user: Any) -> "LogQuerySet":
        """Return the events of this user.

        For an anonymous user or None, return the events without a user. For a deleted user, return
        nothing.
        """
        if user is None or getattr(user, "is_anonymous", False):
            unnamed = self.filter(user__isnull=True, user_repr="")
            return unnamed.exclude(user_state=UserState.KNOWN)  # events of an erased person
        # A deleted user has pk None; filtering by it would return every anonymous event.
        return self.none() if user.pk is None else self.filter(user=user.pk)

    def for_object(self, obj: models.Model) -> "LogQuerySet":
        """Return the events about this object.

        If the object was deleted and does not have its key any more, return nothing.
        """
        if (key := object_key(obj)) is None:
            return self.none()
        return self.filter(content_type=ContentType.objects.get_for_model(obj), object_id=str(key))

    def for_request(self, request_id: str) -> "LogQuerySet":
        """Return the events of one request: the request event, and the events logged during it."""
        return self.filter(extra__request_id=request_id)

    def requests(self) -> "LogQuerySet":
        """Return the request events, which the middleware or ``log_request`` recorded."""
        return self.filter(is_request=True)

    def events(self) -> "LogQuerySet":
        """Return the other events: logged by the application, or stored by pinax-eventlog."""
        return self.filter(is_request=False)

    def action(self, *names: str) -> "LogQuerySet":
        """Return the events of any of these actions; ``POST_*`` matches a prefix."""
        return self.filter(any_action_condition(names))

    def not_action(self, *names: str) -> "LogQuerySet":
        """Return the events of none of these actions; ``POST_*`` matches a prefix."""
        return self.exclude(any_action_condition(names))

    def search(self, text: str) -> "LogQuerySet":
        """Return the events that a search of the admin finds, such as ``"user:anna -status:200"``.

        Raise ``InvalidSearch`` with the reasons if the search is not valid.
        """
        return self.filter(_search_condition(text))

    def since(self, when: datetime | timedelta) -> "LogQuerySet":
        """Return the events from this time on. A ``timedelta`` means the period until now."""
        start = timezone.now() - when if isinstance(when, timedelta) else when
        return self.filter(timestamp__gte=start)

    def until(self, when: datetime) -> "LogQuerySet":
        """Return the events before this time."""
        return self.filter(timestamp__lt=when)

    def between(self, start: datetime, end: datetime) -> "LogQuerySet":
        """Return the events from ``start`` on and before ``end``."""
        return self.since(start).until(end)

    def around(self, timestamps: Iterable[datetime]) -> "LogQuerySet":
        """Return the events near these times, with a margin of a day before and after.

        Combine it with a filter by primary keys. On a partitioned table, the query then searches
        only the months of these times.
        """
        moments = [*timestamps]
        if not moments:
            return self.none()
        # The margin is needed without USE_TZ, because the clock repeats an hour in autumn.
        start, end = shifted(min(moments), -DAY), shifted(max(moments), DAY)
        return self.filter(timestamp__gte=start, timestamp__lte=end)

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> list[Any]:
        # Set before self.db is read, because a router may name another database for reading.
        self._for_write = True
        with transaction.atomic(using=self.db):
            rows = super().bulk_create(objs, *args, **kwargs)
            CountedHour.mark_stale((row.stored_timestamp for row in rows), self.db)
        return rows

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        self._for_write = True
        timestamps = self.stored_timestamps(self.db)
        with transaction.atomic(using=self.db):
            CountedHour.mark_stale(timestamps, self.db)
            return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def _raw_delete(self, using: str | None) -> int:
        """Delete without signals, as Django does for the events of a ``GenericRelation``."""
        using = using or self.db
        timestamps = self.stored_timestamps(using)
        with transaction.atomic(using=using):
            CountedHour.mark_stale(timestamps, using)
            return super()._raw_delete(using)

    _raw_delete.alters_data = True  # type: ignore[attr-defined]

    def update(self, **kwargs: Any) -> int:
        if not COUNTED_FIELDS & kwargs.keys():
            return super().update(**kwargs)
        self._for_write = True
        moved = self.order_by().values_list("pk", flat=True)
        keys = list(moved) if "timestamp" in kwargs else []
        timestamps = self.stored_timestamps(self.db)
        with transaction.atomic(using=self.db):
            CountedHour.mark_stale(timestamps, self.db)
            updated = super().update(**kwargs)
            for start in range(0, len(keys), MAX_UPDATED_ROWS):
                some: LogQuerySet = self.model._default_manager.filter(
                    pk__in=keys[start : start + MAX_UPDATED_ROWS]
                )
                CountedHour.mark_stale(some.stored_timestamps(self.db), self.db)
            return updated

    update.alters_data = True  # type: ignore[attr-defined]

    def stored_timestamps(self, using: str) -> list[datetime]:
        """Return the timestamps of these events, read from the database.

        Called before the transaction of a change. On SQLite, a transaction that reads and then
        writes fails at once if another process has written in between.
        """
        return list(self.using(using).order_by().values_list("timestamp", flat=True))


def _search_condition(text: str) -> models.Q:
    # By its dotted path, because models are below the search in the import contract.
    condition: models.Q = import_string("eventlog.review.search.query.search_condition")(text)
    return condition


def any_action_condition(names: Iterable[str]) -> models.Q:
    """Return the condition of any of these actions; ``POST_*`` matches a prefix."""
    condition = models.Q(action__in=[name for name in names if not name.endswith("*")])
    for name in names:
        if name.endswith("*"):
            condition |= NameField.begins("action", name[:-1])
    return condition
