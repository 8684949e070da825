"""Changing of the events in ClickHouse, by mutations of all events that meet a condition.

A mutation writes the files of its events again, so there is one for all events of a step.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import F, Q

from ...datetimes import aware
from ...models.expressions import Fact
from ...people import EventRange, Match
from ...retention.compiled import CompiledPolicy
from ...review.export.formats import Chunks
from ...review.search.name_sources import looking_up_names_in
from ...review.search.plan import QueryPlan
from .conditions import Renderer
from .erasure_sql import erasure_assignments
from .events import moment_of
from .name_source import ClickHouseNameSource
from .reader import TIME, ClickHouseReader
from .retention_run import ClickHouseRetentionRun
from .table import ClickHouseTable
from .visible_events import VisibleEvents

# Answered when the events are changed on all replicas.
SETTINGS = {"mutations_sync": 2}


class ClickHouseEventStore:
    """The events in a table of ClickHouse."""

    def __init__(self, table: ClickHouseTable) -> None:
        self._table = table
        self._visible = VisibleEvents(table)

    def looking_up_names(self) -> AbstractContextManager[None]:
        return looking_up_names_in(ClickHouseNameSource(self._table))

    def distinct(self, value: F | Fact, condition: Q) -> Sequence[Any]:
        renderer = Renderer()
        column = f"DISTINCT {renderer.expression(value)}"
        return [found for (found,) in self._visible.select(column, condition, "", renderer)]

    def exists(self, condition: Q) -> bool:
        return bool(self._visible.select("1", condition, "LIMIT 1"))

    def count(self, condition: Q) -> int:
        ((count,),) = self._visible.select("count()", condition)
        return int(count)

    def event_range(self, condition: Q) -> EventRange:
        ((total, first, last),) = self._visible.select(
            f"count(), min({TIME}), max({TIME})", condition
        )
        return EventRange(total, *(moment_of(each) if total else None for each in (first, last)))

    def chunks(self, condition: Q) -> Chunks:
        return ClickHouseReader(self._table).chunks(QueryPlan(period=condition))

    def erase(
        self, matches: Sequence[Match], condition: Q, read: Chunks, *, delete: bool
    ) -> Iterator[int]:
        deque(read, maxlen=0)  # the caller looks at the events
        if count := self.count(condition):
            if delete:
                self._delete(condition)
            else:
                by, about, acted = (
                    reduce(or_, (getattr(match, name) for match in matches))
                    for name in ("by_condition", "about_condition", "acted_in_condition")
                )
                self.remove_persons(condition, by, about, acted)
            yield count

    def remove_persons(self, condition: Q, by: Q, about: Q, acted: Q) -> None:
        """Remove persons who are the user or the object of events, or who acted for their user."""
        renderer = Renderer()
        changes = erasure_assignments(
            renderer.condition(by), renderer.condition(about), renderer.condition(acted), renderer
        )
        self._mutate(f"UPDATE {changes}", condition, renderer)

    def delete(
        self, old: Q, plan: QueryPlan, size: int, before_change: Callable[[], None]
    ) -> Iterator[int]:
        condition = old & plan.condition
        if count := self.count(condition):
            before_change()
            self._delete(condition)
            yield count

    def _delete(self, condition: Q) -> None:
        self._mutate("DELETE", condition, Renderer())

    def _mutate(self, change: str, condition: Q, renderer: Renderer) -> None:
        where = renderer.condition(condition)
        statement = f"ALTER TABLE {self._table.name} {change} WHERE {where}"
        self._table.server.command(statement, renderer.parameters, SETTINGS)

    def has_months(self, before: datetime) -> bool:
        return bool(self._months(before))

    def drop_months(self, before: datetime, *, only_empty: bool = False) -> Iterator[int]:
        # A month without events has no partition.
        for month, count in [] if only_empty else self._months(before):
            self._table.server.command(
                f"ALTER TABLE {self._table.name} DROP PARTITION {month:d}", settings=SETTINGS
            )
            yield count

    def _months(self, before: datetime) -> list[tuple[int, int]]:
        """Return the partitions whose events are all older, each with its number of events."""
        end = aware(before).astimezone(UTC)
        first_kept = end.year * 100 + end.month
        return [each for each in self._table.months() if each[0] < first_kept]

    def retention_run(
        self, compiled: CompiledPolicy, now: datetime, *, recheck: bool
    ) -> ClickHouseRetentionRun:
        return ClickHouseRetentionRun(self, compiled, now)
