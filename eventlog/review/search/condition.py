"""The condition of a term, a list or a whole tree, and the indexes that serve it."""

from collections.abc import Collection, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db.models import BooleanField, F, Func, IntegerField, Q
from django.db.models.lookups import GreaterThanOrEqual

from .tree import Node

NOTHING = Q(pk__in=[])
MIN_FAILED_STATUS = 400


class InvalidSearch(ValueError):  # noqa: N818 (the name of a state)
    """A search that is not valid, with a reason for each problem."""


class InvalidTermError(ValueError):
    """The reason why a term is not valid, and the nearest valid node if there is one."""

    def __init__(self, reason: str, suggestion: Node | None = None) -> None:
        super().__init__(reason)
        self.suggestion = suggestion


class Hint(NamedTuple):
    """A remark about a valid term, and a node that was perhaps meant instead."""

    text: str
    suggestion: Node | None = None


class IndexScan(NamedTuple):
    """A condition that an index serves."""

    condition: Q
    # Equivalent OR terms, each served by an index in time order.
    branches: Sequence[Q] = ()


class Condition(NamedTuple):
    """The events that a term finds, or a tree of terms."""

    q: Q
    # The events that an index finds, among which ``q`` is checked; None if no index serves it.
    scan: IndexScan | None = None
    value_count: int = 1  # values that the database compares with
    hint: Hint | None = None

    @property
    def is_exact(self) -> bool:
        """True if the index scan finds no further events."""
        return self.scan is not None and self.scan.condition is self.q


def indexed(q: Q) -> Condition:
    """Return a condition that one index serves."""
    return Condition(q, IndexScan(q, [q]))


def any_of(column: str, values: Collection[Any]) -> Condition:
    """Return the condition that an indexed column has one of several values."""
    q = Q(**{f"{column}__in": values})
    branches = [Q(**{column: value}) for value in values] or [q]
    return Condition(q, IndexScan(q, branches), value_count=len(branches))


def union(conditions: Sequence[Condition]) -> Condition:
    """Return the condition that at least one of the conditions holds."""
    q = reduce(or_, (each.q for each in conditions))
    scans = [each.scan for each in conditions if each.scan is not None]
    scan = None
    if len(scans) == len(conditions):
        is_exact = all(each.is_exact for each in conditions)
        found = q if is_exact else reduce(or_, (each.condition for each in scans))
        scan = IndexScan(found, [branch for each in scans for branch in each.branches])
    return Condition(q, scan, sum(each.value_count for each in conditions))


def intersection(conditions: Sequence[Condition]) -> Condition:
    """Return the condition that all conditions hold; the first one with an index is scanned."""
    q = reduce(and_, (each.q for each in conditions))
    scan = next((each.scan for each in conditions if each.scan is not None), None)
    return Condition(q, scan, sum(each.value_count for each in conditions))


def complement(condition: Condition) -> Condition:
    """Return the condition that the condition does not hold, also where a value is missing."""
    return Condition(Q(IsNotTrue(condition.q)), value_count=condition.value_count)


class IsNotTrue(Func):
    """True where a condition is false or unknown, because NOT leaves out unknown ones."""

    template = "(%(expressions)s) IS NOT TRUE"
    output_field = BooleanField()
    conditional = True

    def as_sql(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().as_sql(*args, **kwargs)
        except EmptyResultSet:
            raise FullResultSet from None
        except FullResultSet:
            raise EmptyResultSet from None


class _Failed(GreaterThanOrEqual):
    def as_sqlite(self, compiler: Any, connection: Any) -> Any:
        # LIKELY(), because SQLite otherwise reads all failed requests and sorts them.
        sql, params = self.as_sql(compiler, connection)
        return f"LIKELY({sql})", params


def failed_condition() -> Q:
    """Return the condition of the index of failed requests, with a constant in the SQL."""
    limit: Any = Func(template=str(MIN_FAILED_STATUS), output_field=IntegerField())
    return Q(_Failed(F("status"), limit))
