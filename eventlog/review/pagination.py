"""Pages of events, newest first, each read at the same cost at any depth and table size.

A page starts at a cursor, so no rows are counted or skipped. Conditions that no index serves are
checked on a limited number of events, and the page says how far back they were checked.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connections, router
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime

from ..datetimes import EARLIEST, exact_text, to_db_timezone, to_utc
from ..models import Log
from .extra_loading import defer_large_extra, fetch
from .search.plan import QueryPlan, limit_to_first, ordered_timestamps, up_to_condition

SCAN_LIMIT = 5000  # events that are checked row by row for a page
SCAN_LIMIT_FACTOR = 10  # for each time that the scan is continued without a result
SCAN_CHUNK = 1000  # events
MAX_KEY = 2**63 - 1
ORDER = ("-timestamp", "-pk")
OLDEST = "oldest"  # the text of a cursor before all events


class Cursor(NamedTuple):
    """The position of an event in the order of the list."""

    timestamp: datetime
    pk: int

    def __str__(self) -> str:
        return f"{exact_text(self.timestamp)}~{self.pk}"

    @classmethod
    def read(cls, text: str) -> "Cursor | None":
        """Return the cursor in ``text``; None if it is not valid."""
        if text == OLDEST:
            return cls(to_db_timezone(EARLIEST), 0)
        moment, _, pk = text.replace(" ", "+").partition("~")
        try:
            timestamp, key = parse_datetime(moment), int(pk)
            if timestamp is None or abs(key) > MAX_KEY:
                return None
            return cls(to_db_timezone(to_utc(timestamp)), key)
        except (ValueError, OverflowError):
            return None


class Page(NamedTuple):
    """The events of a page, and the cursors of the pages next to it."""

    events: Sequence[Log]
    newer: Cursor | None  # None on the first page
    older: Cursor | None  # None on the last page
    scanned_until: Cursor | None  # set if the scan stopped at its limit


def page(
    events: QuerySet[Log],
    plan: QueryPlan,
    size: int,
    *,
    older: Cursor | None = None,
    newer: Cursor | None = None,
    scan_limit: int = SCAN_LIMIT,
) -> Page:
    """Return the newest events of a plan, or those next to a cursor."""
    backwards = newer is not None
    cursor = newer or older
    events = events.order_by("timestamp", "pk") if backwards else events.order_by(*ORDER)
    if plan.residual:
        found, end = _scan(events, plan, size, cursor, scan_limit, backwards=backwards)
    else:
        rest = events.filter(after_cursor_condition(cursor, backwards=backwards), plan.period)
        some = limit_to_first(rest, plan.index_scan, size, backwards=backwards)
        found, end = fetch(defer_large_extra(some)[: size + 1]), None
    return page_of(found, size, older=older, newer=newer, end=end)


def page_of(
    found: list[Log],
    size: int,
    *,
    older: Cursor | None,
    newer: Cursor | None,
    end: Cursor | None = None,
) -> Page:
    """Return the page of the first ``size`` events; ``end`` is the end of an unfinished scan."""
    backwards, cursor = newer is not None, newer or older
    more = len(found) > size
    shown = found[:size]
    if backwards:
        shown.reverse()
    further = None if more else end
    first, final = further or cursor, cursor
    if shown:
        first, final = _cursor_of(shown[0]), _cursor_of(shown[-1])
    if backwards:
        is_oldest = newer == Cursor.read(OLDEST)
        return Page(shown, first if more or further else None, None if is_oldest else final, None)
    return Page(shown, first if older else None, final if more else None, further)


def _scan(
    events: QuerySet[Log],
    plan: QueryPlan,
    size: int,
    cursor: Cursor | None,
    scan_limit: int,
    *,
    backwards: bool,
) -> tuple[list[Log], Cursor | None]:
    """Return the first events that meet ``plan.residual``, and the end of an unfinished scan.

    Chunks bound the work, because databases have no statistics to choose a plan for the residual.
    """
    found: list[Log] = []
    bound = after_cursor_condition(cursor, backwards=backwards)
    while scan_limit > 0 and len(found) <= size:
        chunk = min(SCAN_CHUNK, scan_limit)
        # The bound is the first condition, because SQLite starts its index scan there.
        rest = events.filter(bound, plan.period)
        some = limit_to_first(rest, plan.index_scan, chunk, backwards=backwards)
        end = next(iter(ordered_timestamps(some, backwards=backwards)[chunk : chunk + 1]), None)
        if end is not None:  # a chunk includes all events of its last timestamp
            some = some.filter(up_to_condition(end, backwards=backwards))
        missing = size + 1 - len(found)
        found += fetch(defer_large_extra(some.filter(plan.residual))[:missing])
        if end is None:
            return found, None
        bound = Q(timestamp__gt=end) if backwards else Q(timestamp__lt=end)
        cursor = Cursor(end, MAX_KEY if backwards else 0)
        scan_limit -= chunk
    return found, cursor


def _cursor_of(event: Log) -> Cursor:
    return Cursor(event.timestamp, event.pk)


def after_cursor_condition(cursor: Cursor | None, *, backwards: bool) -> Q:
    """Return the condition that an event is older than the cursor, or newer if ``backwards``."""
    if cursor is None:
        return Q()
    # An AND of ranges, because databases read all rows before the cursor for a plain OR.
    side, pk = ("gte", "gt") if backwards else ("lte", "lt")
    inclusive = Q(**{f"timestamp__{side}": cursor.timestamp})
    strict = Q(**{f"timestamp__{side[:2]}": cursor.timestamp})
    return inclusive & (strict | Q(**{f"pk__{pk}": cursor.pk}))


def estimate_row_count() -> int:
    """Return the number of events that the database estimates without counting."""
    connection = connections[router.db_for_read(Log)]
    table = Log._meta.db_table
    question = {
        # The partitions have the rows of a partitioned table.
        "postgresql": "SELECT SUM(GREATEST(reltuples, 0)) FROM pg_class "
        "WHERE relkind <> 'p' AND oid IN (SELECT %s::regclass UNION "
        "SELECT relid FROM pg_partition_tree(%s::regclass))",
        "mysql": "SELECT table_rows FROM information_schema.tables "
        "WHERE table_schema = DATABASE() AND table_name = %s",
        "sqlite": "SELECT (SELECT MAX(id) FROM eventlog_log) "
        "- (SELECT MIN(id) FROM eventlog_log) + 1 WHERE %s <> ''",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(question, [table] * question.count("%s"))
        (estimate,) = cursor.fetchone()
    return max(0, int(estimate or 0))
