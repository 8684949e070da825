"""A run of the retention rules in ClickHouse."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import NamedTuple, Protocol

from django.db.models import Q

from ...datetimes import hour_of, to_db_timezone
from ...models.hourly import COUNT_DELAY
from ...people import user_types
from ...retention.anonymize import personal_data_condition
from ...retention.compiled import CompiledPolicy
from ...retention.policy import Step
from ...review.search.condition import Condition, complement
from ...review.search.plan import QueryPlan


class Changeable(Protocol):
    """The methods of ClickHouseEventStore that a run needs."""

    def count(self, condition: Q) -> int: ...

    def delete(
        self, old: Q, plan: QueryPlan, size: int, before_change: Callable[[], None]
    ) -> Iterator[int]: ...

    def remove_persons(self, condition: Q, by: Q, about: Q, acted: Q) -> None: ...


class Due(NamedTuple):
    """The events of a rule that have reached one of its ages."""

    rule: int
    step: Step
    condition: Q


class ClickHouseRetentionRun:
    """Applies the rules by one mutation for each rule that deletes, and one that anonymizes.

    The counters hold the number of events by the number of their rule.
    """

    def __init__(self, store: Changeable, compiled: CompiledPolicy, now: datetime) -> None:
        self.deleted: Counter[int] = Counter()
        self.anonymized: Counter[int] = Counter()
        self.held: Counter[int] = Counter()
        self.unclear = 0
        self.progress = 0.0
        self._store, self._compiled, self._now = store, compiled, now

    def apply(self, size: int, before_change: Callable[[], None]) -> Iterator[bool]:
        """Change the events; yield after each step."""
        due = self._counted()
        # All are counted and deleted before persons are removed, because rules may name persons.
        for each in due:
            if each.step == "delete":
                for _number in self._store.delete(each.condition, QueryPlan(), size, before_change):
                    yield True
        if personal := [each.condition for each in due if each.step == "anonymize"]:
            before_change()
            everyone, about = Q(timestamp__isnull=False), Q(content_type__in=user_types())
            self._store.remove_persons(reduce(or_, personal), everyone, about, everyone)
        self.progress = 1.0
        yield bool(due)

    def count(self) -> Iterator[bool]:
        """Count what ``apply()`` would change."""
        self._counted()
        yield False

    def _counted(self) -> list[Due]:
        """Return what is to be changed, and count it."""
        hold, found = self._compiled.hold, []
        for each in self._due():
            changed = each
            if hold is not None:
                if held := self._store.count(each.condition & hold):
                    self.held[each.rule] += held
                changed = each._replace(condition=each.condition & _not(hold))
            if count := self._store.count(changed.condition):
                counts = self.deleted if each.step == "delete" else self.anonymized
                counts[each.rule] += count
                found.append(changed)
        return found

    def _due(self) -> Iterator[Due]:
        """Yield the events of each rule and age, without events that an earlier rule matches."""
        rest, policy = Q(), self._compiled.policy
        for rule, visible in zip(policy.rules, self._compiled.selections, strict=True):
            if visible is not None and visible.unclear is not None:
                ages = [age for each in policy.rules for age in each.ages]
                due = self._older(min(ages)) if ages else Q(pk__in=[])
                self.unclear += self._store.count(rest & due & visible.unclear)
                rest &= _not(visible.unclear)
            matching = rest if visible is None else rest & visible.q
            if rule.keep is not None:
                yield Due(rule.number, "delete", matching & self._older(rule.keep))
            if rule.anonymize is not None:
                due = matching & self._older(rule.anonymize) & personal_data_condition()
                if rule.keep is not None:
                    due &= ~self._older(rule.keep)
                yield Due(rule.number, "anonymize", due)
            if visible is None:
                return
            rest &= _not(visible.q)

    def _older(self, age: timedelta) -> Q:
        """Return the condition that the whole hour of an event has reached an age."""
        return Q(timestamp__lt=to_db_timezone(hour_of(self._now - max(age, COUNT_DELAY))))


def _not(condition: Q) -> Q:
    return complement(Condition(condition)).q
