"""Rows of ClickHouse as unsaved ``Log`` objects."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import prefetch_related_objects

from ...datetimes import to_db_timezone
from ...models import Log
from ...models.keys import user_id
from ...review.extra_loading import MAX_FACT_LENGTHS, MAX_LISTED_BYTES, full_size, parse_extra
from .columns import FACTS, fact_column
from .rows import EPOCH, microseconds
from .table import ClickHouseTable

# Facts of a large document that the list shows, besides those that have a column of their own.
_CUT = [key for key in MAX_FACT_LENGTHS if key in FACTS]
_COLUMNS = (
    "id",
    "uid",
    "toUnixTimestamp64Micro(timestamp)",
    "action",
    "user_id",
    "user_repr",
    "user_state",
    "content_type_id",
    "object_id",
    "object_repr",
    "is_request",
    "ip",
    "status",
    "own_keys",
    "length(extra)",
)


def event_columns_sql(limit: int = MAX_LISTED_BYTES) -> str:
    """Return the columns of ``event_of()``, with ``extra`` up to ``limit`` bytes."""
    document = f"if(length(extra) <= {limit:d}, extra, '')"
    cut = [f"if(length(extra) <= {limit:d}, NULL, {_cut(key)}) AS cut_{key}" for key in _CUT]
    return ", ".join([*_COLUMNS, document, *cut])


def _cut(key: str) -> str:
    if FACTS[key] == "Nullable(Float64)":
        return fact_column(key)
    return f"leftUTF8({fact_column(key)}, {MAX_FACT_LENGTHS[key]:d})"


def moment_of(microseconds: int) -> datetime:
    """Return the time of an event as the database of the site would return it."""
    return to_db_timezone(in_utc(microseconds))


def in_utc(microseconds: int) -> datetime:
    """Return a time in UTC."""
    return EPOCH + timedelta(microseconds=microseconds)


def event_of(row: Sequence[Any]) -> Log:
    """Return the event of a row; a larger ``extra`` has only facts, see ``full_size()``."""
    (
        key, uid, micros, action, user, user_repr, user_state, content_type, object_id,
        object_repr, is_request, ip, status, own_keys, size, document, *cut,
    ) = row  # fmt: skip
    event = Log(
        id=key,
        uid=uid,
        timestamp=moment_of(micros),
        action=action,
        user_id=None if user is None else user_id(user),
        user_repr=user_repr,
        user_state=user_state,
        content_type_id=content_type,
        object_id=object_id,
        object_repr=object_repr,
        is_request=bool(is_request),
        ip=ip,
        status=status,
        own_keys=own_keys,
    )
    if document or not size:
        event.extra, event.full_size = parse_extra(document or "{}"), 0  # type: ignore[attr-defined]
        return event
    facts = {key: value for key, value in zip(_CUT, cut, strict=True) if value is not None}
    facts |= {key: value for key, value in (("ip", ip), ("status", status)) if value is not None}
    event.extra, event.full_size = facts, size  # type: ignore[attr-defined]
    return event


def with_relations(events: Sequence[Log]) -> list[Log]:
    """Load the users and the kinds of objects of events from the database of the site."""
    found = list(events)
    if found:
        prefetch_related_objects(found, "user", "content_type")
    return found


def load_full_extra(events: Iterable[Log], table: ClickHouseTable) -> list[Log]:
    """Return events of a page with all of ``extra``."""
    found = list(events)
    cut = {event.pk: event for event in found if full_size(event)}
    if cut:
        rows = table.server.query(
            f"SELECT id, extra FROM {table.name} WHERE id IN {{keys:Array(Int64)}}"  # noqa: S608
            " AND toUnixTimestamp64Micro(timestamp) IN {moments:Array(Int64)}",
            {"keys": [*cut], "moments": [microseconds(each.timestamp) for each in cut.values()]},
        )
        for key, document in rows:
            cut[key].extra = parse_extra(document)
    return found
