"""Counting the events of an hour by dimension, such as action, status or page."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connections
from django.db.models import Case, Count, F, Q, QuerySet, Value, When
from django.db.models.functions import Left

from ..datetimes import hour_of
from ..models import Log
from ..models.decoding import read_any_text
from ..models.expressions import Fact, NumberFact
from ..records.user_state import UserState

MAX_ADDRESSES_PER_HOUR = 20  # the addresses with the most events
MAX_USERS_PER_HOUR = 20  # the users with the most events
MAX_VALUE_LENGTH = 255  # characters
READ_CHUNK = 1000  # events

LATENCY_BUCKETS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)  # upper bounds in ms
OVERFLOW = 10**9  # the upper bound of the last bucket
LATENCY_DIMENSIONS = {f"ms{bound}": bound for bound in (*LATENCY_BUCKETS, OVERFLOW)}
# The dimensions that the overview compares with the previous period.
COMPARED_DIMENSIONS = ("all", "status", "device", "exception", *LATENCY_DIMENSIONS)
DIMENSIONS = (
    *COMPARED_DIMENSIONS,
    *("action", "browser", "page", "failed", "visitor", "address", "user"),
)
# The version is stored as the value of the dimension "all". Raise it when the dimensions change,
# so that hours that an earlier release counted are counted again.
COUNTS_VERSION = "3"

Counts = dict[str, Counter[str]]  # by dimension, then by value


def _columns() -> list[Any]:
    """Return the columns that ``_add()`` counts, of events that are annotated with ``took``."""
    bucket = Case(
        *(When(Q(took__lte=bound), then=Value(bound)) for bound in LATENCY_BUCKETS),
        When(Q(took__isnull=False), then=Value(OVERFLOW)),
    )
    facts = ("device_type", "browser", "view", "exception")
    return ["action", "status", *map(_text, facts), _of_request(F("user_state")), bucket]


def _text(key: str) -> Case:
    """Return a fact of a request, cut to the length of the counts' column."""
    return _of_request(Left(Fact(key), MAX_VALUE_LENGTH))


def _of_request(value: Any) -> Case:
    """Return ``value`` for requests, NULL for other events."""
    return Case(When(is_request=True, then=value))


def _add(counts: Counts, times: int, values: Sequence[Any]) -> None:
    """Add ``times`` events with these values."""
    action, *of_request = values
    counts["all"][""] += times
    counts["action"][action] += times
    add_of_request(counts, times, of_request)


def add_of_request(counts: Counts, times: int, values: Sequence[Any]) -> None:
    """Add the dimensions of requests; values are None for other events."""
    status, device, browser, page, exception, user_state, bucket = values
    if status:
        counts["status"][f"{status // 100}xx"] += times
    if device:
        counts["device"][device] += times
    if browser and device != "bot":
        counts["browser"][browser.rstrip("0123456789. ")] += times
    if exception:
        counts["exception"][exception] += times
    if user_state is not None:
        counts["visitor"][UserState(user_state).name.lower()] += times
    if bucket is not None:
        counts[f"ms{bucket}"][page or ""] += times
    if page:
        counts["page"][page] += times
        if status // 100 == 5 if status else exception:
            counts["failed"][page] += times


def count_period(start: datetime, end: datetime, using: str, *, with_names: bool = True) -> Counts:
    """Count the events from ``start`` up to ``end`` in each dimension.

    Addresses and users are counted only ``with_names``.
    """
    return read_any_text(lambda: _count_period(start, end, using, with_names=with_names), using)


def _count_period(start: datetime, end: datetime, using: str, *, with_names: bool) -> Counts:
    events = Log.objects.using(using).between(start, end).order_by()
    rows = events.annotate(took=_of_request(NumberFact("duration_ms"))).values_list(*_columns())
    counts: Counts = defaultdict(Counter)
    if connections[using].vendor == "sqlite":
        # Counted here, because SQLite would sort whole rows, with all of extra, in memory.
        for values, times in Counter(rows.iterator(chunk_size=READ_CHUNK)).items():
            _add(counts, times, values)
    else:
        for *values, times in rows.annotate(times=Count("*")):
            _add(counts, times, values)
    if counts and with_names:
        counts["address"].update(_most_frequent(events, "ip", MAX_ADDRESSES_PER_HOUR))
        counts["user"].update(_most_frequent(events, "user_repr", MAX_USERS_PER_HOUR))
    return counts


def _most_frequent(events: QuerySet[Log], column: str, limit: int) -> dict[str, int]:
    """Return the most frequent values of a column, without the empty one."""
    values = events.values_list(column).annotate(times=Count("*")).order_by("-times")
    found = [(value, times) for value, times in values[: limit + 1] if value]
    return dict(found[:limit])


class NewestCounts(NamedTuple):
    """The counts of the newest events."""

    hours: dict[datetime, Counts]
    users: set[Any]  # primary keys
    is_cut: bool  # whether there are more events


def count_newest(events: QuerySet[Log], limit: int) -> NewestCounts:
    """Count the newest ``limit`` events by hour.

    If there are more events, the oldest hour is left out, because it was not read in full, unless
    it is the only one.
    """
    return read_any_text(lambda: _count_newest(events, limit), events.db)


def _count_newest(events: QuerySet[Log], limit: int) -> NewestCounts:
    rows = events.order_by("-timestamp").annotate(took=_of_request(NumberFact("duration_ms")))
    columns = rows.values_list("timestamp", "ip", "user_repr", "user_id", *_columns())
    found: dict[datetime, Counts] = defaultdict(lambda: defaultdict(Counter))
    users: dict[datetime, set[Any]] = defaultdict(set)
    read = 0
    for moment, address, name, key, *values in columns[: limit + 1].iterator(READ_CHUNK):
        read += 1
        hour = hour_of(moment)
        counts = found[hour]
        _add(counts, 1, values)
        if address:
            counts["address"][address] += 1
        if name:
            counts["user"][name] += 1
        if key is not None:
            users[hour].add(key)
    if read > limit and len(found) > 1:
        oldest = min(found)
        del found[oldest]
        users.pop(oldest, None)
    return NewestCounts(dict(found), set().union(*users.values()), read > limit)
