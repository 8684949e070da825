"""The store that the names in a search are looked up in: the database, or another one."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from django.db.models import Q


class Source(Protocol):
    """A store of events outside the database, such as ClickHouse.

    Its searches are not split into the values that an index finds one by one.
    """

    def known_values(self, column: str, start: Any, end: Any, limit: int) -> list[Any]:
        """Return the first ``limit`` values of a column from ``start`` up to ``end``, in order."""

    def exists(self, condition: Q) -> bool:
        """Return whether an event meets the condition."""

    def keys_with_former_name(self, names: Collection[str]) -> list[Any]:
        """Return the primary keys of accounts whose events have one of these names."""


_current: ContextVar[Source | None] = ContextVar("eventlog.search.source", default=None)


def other_source() -> Source | None:
    """Return the store that searches are made for now; None for the database."""
    return _current.get()


@contextmanager
def searching(source: Source) -> Iterator[None]:
    """Make the searches of this block for a store outside the database."""
    token = _current.set(source)
    try:
        yield
    finally:
        _current.reset(token)
