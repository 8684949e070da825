"""Accounts that had another name when they did something."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, Min, Q, QuerySet

from ...models import HourCount, Log
from ...models.keys import user_id
from .name_sources import current_name_source

# No index finds the names of accounts that exist, because each event of a user would be written to
# it. These bounded queries read the newest events, and hours in which the name was counted.
MAX_NEWEST_EVENTS = 2000
MAX_EVENTS_OF_HOUR = 10_000
MAX_KEYS = 10  # that are looked up in another store
HOUR = timedelta(hours=1)


def keys_with_former_name(names: Collection[str]) -> list[Any]:
    """Return the primary keys of accounts whose events have one of these names."""
    if (source := current_name_source()) is not None:
        with_name = Q(user__isnull=False, user_repr__in=names)
        return [user_id(key) for key in source.values("user_id", with_name, MAX_KEYS)]
    found: dict[Any, None] = {}
    for events in _places(names):
        rows = events.values_list("user_id", "user_repr")
        found.update((key, None) for key, name in rows if key is not None and name in names)
    return list(found)


def _places(names: Collection[str]) -> Iterator[QuerySet[Log]]:
    newest = Log.objects.order_by("-timestamp")
    yield newest[:MAX_NEWEST_EVENTS]
    counted = HourCount.objects.filter(dimension="user", value__in=names)
    hours: dict[str, datetime | None] = counted.aggregate(first=Min("hour"), last=Max("hour"))
    for hour in filter(None, {*hours.values()}):
        yield newest.between(hour, hour + HOUR)[:MAX_EVENTS_OF_HOUR]
