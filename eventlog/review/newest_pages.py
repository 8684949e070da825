"""The newest events of a search, read page by page up to a number."""

from collections.abc import Iterator

from .pagination import SCAN_LIMIT, SCAN_LIMIT_FACTOR, Page
from .reader import reader
from .search.plan import QueryPlan

PAGE_EVENTS = 500


def newest_pages(plan: QueryPlan, count: int, *, scan_all: bool = False) -> Iterator[Page]:
    """Yield pages with the newest ``count`` events of a plan, newest first.

    A scan stops at a limit, and the page says where; with ``scan_all``, the next page continues.
    """
    found, cursor, limit = reader(), None, SCAN_LIMIT * SCAN_LIMIT_FACTOR
    while count > 0:
        some = found.page(plan, min(count, PAGE_EVENTS), older=cursor, scan_limit=limit)
        count -= len(some.events)
        yield some
        cursor = some.older or (some.scanned_until if scan_all else None)
        if cursor is None:
            return
