"""The newest events of a search, read page by page up to a number."""

from collections.abc import Iterator

from ..models import Log
from ..models.relations import select
from .pagination import SCAN_LIMIT, SCAN_LIMIT_FACTOR, Page, page
from .search.plan import QueryPlan

PAGE_EVENTS = 500


def newest(plan: QueryPlan, count: int, *, scan_all: bool = False) -> Iterator[Page]:
    """Yield pages with the newest ``count`` events of a plan, newest first.

    A scan stops at a limit, and the page says where; with ``scan_all``, the next page continues.
    """
    events = select(Log.objects.all(), "user", "content_type")
    cursor = None
    while count > 0:
        some = page(
            events,
            plan,
            min(count, PAGE_EVENTS),
            older=cursor,
            scan_limit=SCAN_LIMIT * SCAN_LIMIT_FACTOR,
        )
        count -= len(some.events)
        yield some
        cursor = some.older or (some.scanned_until if scan_all else None)
        if cursor is None:
            return
