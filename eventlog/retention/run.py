"""A run of the retention rules over the hours that are due."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, QuerySet

from ..counts.hours import drop_personal_counts
from ..datetimes import hour_of, to_db_timezone
from ..models import Log, LogQuerySet
from ..models.hourly import CountedHour
from ..review.pagination import Cursor, after_cursor_condition
from .anonymize import anonymize, personal_data_condition
from .compiled import UNCLEAR, CompiledPolicy
from .due_hours import HourSpan, due_spans
from .policy import Step


class EventWithRule(NamedTuple):
    """An event, and the number of the rule that applies to it."""

    pk: int
    timestamp: datetime
    rule: int
    held: bool


class DatabaseRetentionRun:
    """Applies the rules, and counts the events by the number of their rule.

    A run can be ended at any time. The next run continues with the hours that are not finished.
    """

    def __init__(
        self, compiled: CompiledPolicy, using: str, now: datetime, *, recheck: bool = False
    ) -> None:
        self.deleted: Counter[int] = Counter()
        self.anonymized: Counter[int] = Counter()
        self.held: Counter[int] = Counter()
        self.unclear = 0
        self.progress = 0.0  # share of the time from the first due event to the last
        self._compiled, self._using = compiled, using
        self._schedule, self._recheck = compiled.schedule(now), recheck

    def apply(self, size: int, before_change: Callable[[], None]) -> Iterator[bool]:
        """Change the events; yield after each ``size`` events whether some of them were changed.

        ``before_change`` is called before each transaction.
        """
        for span in self._spans():
            span.begin(self._using)
            steps, cursor, hour = self._steps(span.age), None, span.hours[0]
            while True:
                rows = self._page(span, cursor, size)
                is_changed = self._change(rows, steps, before_change)
                if len(rows) < size:
                    break
                cursor = Cursor(rows[-1].timestamp, rows[-1].pk)
                if (begun := hour_of(cursor.timestamp)) > hour:
                    span.finish(self._using, hour, begun)
                    hour = begun
                yield is_changed
            span.finish(self._using, hour)
            yield is_changed

    def count(self) -> Iterator[bool]:
        """Count what ``apply()`` would change; yield after each span."""
        for span in self._spans():
            steps = self._steps(span.age)
            groups = self._events(span).order_by().values("rule", "held")
            counts = groups.annotate(
                total=Count("pk"), personal=Count("pk", filter=personal_data_condition())
            )
            found = counts.values_list("rule", "held", "total", "personal")
            for number, is_held, total, personal in found:
                step = steps.get(number)
                changed = personal if step == "anonymize" else total
                if number == UNCLEAR:
                    self.unclear += total
                elif step is not None and changed:
                    self._counts(step, is_held=is_held)[number] += changed
            yield False

    def _spans(self) -> Iterator[HourSpan]:
        first, end = None, self._schedule.end()
        for span in due_spans(self._schedule, self._using, recheck=self._recheck):
            assert end is not None
            first = first or span.hours[0]
            self.progress = (span.hours[0] - first) / (end - first)
            yield span

    def _steps(self, age: timedelta) -> dict[int, Step]:
        """Return what is done with events of this age, by the number of their rule."""
        steps = {rule.number: rule.step(age) for rule in self._compiled.policy.rules}
        return {number: step for number, step in steps.items() if step is not None}

    def _events(self, span: HourSpan) -> LogQuerySet:
        events = Log.objects.using(self._using).between(span.start, span.end)
        return self._compiled.annotated(events)

    def _page(self, span: HourSpan, cursor: Cursor | None, size: int) -> list[EventWithRule]:
        # Events of no due rule are read too, because finding a rare one would take a long query.
        rows = self._events(span).filter(after_cursor_condition(cursor, backwards=True))
        values = rows.order_by("timestamp", "pk").values_list("pk", "timestamp", "rule", "held")
        return [EventWithRule(*each) for each in values[:size]]

    def _counts(self, step: Step, *, is_held: bool) -> Counter[int]:
        if is_held:
            return self.held
        return self.deleted if step == "delete" else self.anonymized

    def _change(
        self,
        rows: Sequence[EventWithRule],
        steps: dict[int, Step],
        before_change: Callable[[], None],
    ) -> bool:
        """Change the events of a page in one transaction; return whether some were changed."""
        personal = self._personal([row for row in rows if steps.get(row.rule) == "anonymize"])
        due = [row for row in rows if steps.get(row.rule) == "delete" or row.pk in personal]
        changed = [row for row in due if not row.held]
        if changed:
            before_change()
            self._write(changed, steps)
        for row in due:
            self._counts(steps[row.rule], is_held=row.held)[row.rule] += 1
        self.unclear += sum(row.rule == UNCLEAR for row in rows)
        return bool(changed)

    def _personal(self, rows: Sequence[EventWithRule]) -> set[int]:
        """Return the keys of the events from which something is to be removed."""
        if not rows:
            return set()
        events = self._rows(rows).filter(personal_data_condition())
        return set(events.order_by().values_list("pk", flat=True))

    def _rows(self, rows: Sequence[EventWithRule]) -> LogQuerySet:
        near = Log.objects.using(self._using).around(row.timestamp for row in rows)
        return near.filter(pk__in=[row.pk for row in rows])

    def _write(self, rows: Sequence[EventWithRule], steps: dict[int, Step]) -> None:
        to_delete = [row for row in rows if steps[row.rule] == "delete"]
        to_anonymize = [row for row in rows if steps[row.rule] == "anonymize"]
        minutes = {row.timestamp.replace(second=0, microsecond=0) for row in rows}
        hours = {to_db_timezone(hour_of(minute)) for minute in minutes}
        with transaction.atomic(using=self._using):
            if to_delete:
                # The method of LogQuerySet would read the hours, and make them due again.
                QuerySet._raw_delete(self._rows(to_delete), self._using)
            if to_anonymize:
                anonymize(self._rows(to_anonymize), [row.pk for row in to_anonymize])
            CountedHour.mark_uncounted(hours, self._using)
            drop_personal_counts(hours, self._using)
