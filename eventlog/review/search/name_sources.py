"""The store that the names in a search are looked up in: the database, or another one."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from django.db.models import Q


class NameSource(Protocol):
    """A store of events outside the database, such as ClickHouse.

    Its searches are not split into the values that an index finds one by one.
    """

    def values(self, column: str, condition: Q, limit: int) -> list[Any]:
        """Return the first ``limit`` values of a column of the events that meet the condition."""


_current: ContextVar[NameSource | None] = ContextVar("eventlog.search.source", default=None)


def current_name_source() -> NameSource | None:
    """Return the store that searches are made for now; None for the database."""
    return _current.get()


@contextmanager
def looking_up_names_in(source: NameSource) -> Iterator[None]:
    """Make the searches of this block for a store outside the database."""
    token = _current.set(source)
    try:
        yield
    finally:
        _current.reset(token)
