"""The overview: events over time, rankings, latencies, users and errors of a period."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import router
from django.utils import timezone
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from .. import formats
from ..counts.backlog import find_backlog
from ..counts.buckets import PERIODS, WIDTH_TEXTS, Bucket, bounds_of, buckets_of
from ..counts.hours import catch_up
from ..counts.period import MAX_NEWEST_EVENTS, PeriodCounts
from ..counts.users import UserCounts
from ..counts.verify import mark_some_differing_hours
from ..datetimes import HOUR, aware, hour_of
from ..models import Log
from . import charts
from .comparison import moment_text, shift_of, why_not_compared, why_not_counted
from .figures import Figure, Numbers, figures
from .matching_counts import MAX_CHECKED_EVENTS
from .overview_links import STACKINGS, OverviewLinks
from .rankings import Ranking, rankings
from .reader import Reader
from .reader import reader as configured_reader
from .search.tree import Term

STATUSES = ("2xx", "3xx", "4xx", "5xx")


class Overview:
    """The content of the page, stacked by "status" or "action", for the events staff may see.

    With a search, the figures cover the newest events that it finds.
    """

    def __init__(
        self,
        period: str,
        by: str,
        site: str,
        reader: Reader | None = None,
        query: str = "",
    ) -> None:
        self.period = period if period in PERIODS else "24h"
        self.by = by if by in STACKINGS else "status"
        self.zone = timezone.get_current_timezone_name()
        self.bar_width = WIDTH_TEXTS[self.period]
        self._reader = reader or configured_reader()
        self.is_restricted = self._reader.is_restricted
        parse = self._reader.parse
        self.links = OverviewLinks(query.strip(), self.period, self.by, site, parse)
        self._plan = self.links.search.plan if self.links.query else None
        end, shift = aware(timezone.now()), shift_of(PERIODS[self.period])
        bounds = bounds_of(self.period, end)
        # Not earlier, because the period must not overlap with the previous one.
        start = max(bounds[0].start, hour_of(end - shift + HOUR - timedelta.resolution))
        self._previous_span = start - shift, end - shift
        self.counts = self._reader.overview(start, end, self._plan, compared_from=start - shift)
        self.buckets = buckets_of(bounds, self.counts.start, self.counts.until)

    @property
    def max_newest_events(self) -> str:
        """The largest number of newest events that are counted."""
        return formats.number(MAX_NEWEST_EVENTS)

    @property
    def max_checked_events(self) -> str:
        """The largest number of newest events that are checked one by one."""
        return formats.number(MAX_CHECKED_EVENTS)

    @property
    def start(self) -> datetime:
        """The start of the first counted hour."""
        return self.counts.start

    def refresh(self, seconds: float) -> bool:
        """Count missing hours for about ``seconds``; return whether any were missing."""
        if not self.counts.is_stored:
            return False
        using = router.db_for_write(Log)
        found = self.counts.backlog
        if mark_some_differing_hours(using):
            found = find_backlog(self._previous_span[0], using)
        if not any(found):
            return False
        list(catch_up(found, using, seconds))
        return True

    # The comparison with the previous period

    @cached_property
    def previous(self) -> PeriodCounts:
        """Return the counts of the previous period."""
        return self._reader.overview_before(self.counts, *self._previous_span, self._plan)

    @cached_property
    def _oldest(self) -> datetime | None:
        return self._reader.oldest()

    @cached_property
    def not_compared(self) -> str:
        """Return the reason why no figure is compared; empty if they are."""
        reason = why_not_compared(
            self.counts, self._previous_span[0], self._oldest, has_bounds=self.links.has_bounds
        )
        return reason or why_not_counted(self.counts, self.previous)

    @property
    def compared_with(self) -> tuple[str, str]:
        """The start and the end of the previous period."""
        start, end = self._previous_span
        return moment_text(start), moment_text(end)

    @property
    def recorded_since(self) -> str:
        """The time of the oldest event if it is in the period; empty for restricted staff."""
        if self.is_restricted or self._oldest is None or self._oldest < self.start:
            return ""
        return moment_text(self._oldest)

    @property
    def counted_since(self) -> str:
        """The start of the first counted hour, in the current time zone."""
        return moment_text(self.start)

    @cached_property
    def _compared(self) -> PeriodCounts | None:
        return None if self.not_compared else self.previous

    # The timeline

    def timeline(self) -> dict[str, Any]:
        """Return the events over time, as a chart and as a table."""
        series = self._series()
        starts = [bucket.start for bucket in self.buckets]
        whole = [counts[""] for counts in self.counts.over_time("all", [""], starts)]
        stacks = self.counts.over_time(self.by, series, starts)
        names = [*series, _("others")]
        drawn, table = [], []
        for bucket, all_events, stack in zip(self.buckets, whole, stacks, strict=True):
            values = [stack[name] for name in series]
            values.append(max(0, all_events - sum(values)))
            when = bucket.name
            bars = [
                charts.Bar(
                    self._class(number, name),
                    count,
                    f"{when} · {name} · {formats.number(count)}",
                    self._segment(bucket, name if number < len(series) else None),
                )
                for number, (name, count) in enumerate(zip(names, values, strict=True))
            ]
            drawn.append((when, bars))
            table.append((when, bars, all_events, self.links.events(bucket)))
        return {
            "chart": charts.stacked_columns(drawn, _("Events over time")),
            "series": names,
            "legend": [(name, self._class(number, name)) for number, name in enumerate(names)],
            "table": table,
        }

    def _segment(self, bucket: Bucket, value: str | None) -> str:
        """Return the events of a segment of a bar, or of the whole bar without a value."""
        return self.links.events(bucket, *([] if value is None else [Term(self.by, value)]))

    def _class(self, number: int, label: str) -> str:
        """Return the class in the style sheet, which is the same for a status everywhere."""
        if self.by == "status":
            return f"status s{label[0]}" if number < len(STATUSES) else "status other"
        return f"series s{number}"

    def _series(self) -> list[str]:
        if self.by == "status":
            return list(STATUSES)
        return [name for name, _count in self.actions.most_common(6)]

    def _address(self, *terms: Term) -> str:
        """Return the list of the events of the period that ``terms`` find."""
        return self.links.events(Bucket("", self.start, self.counts.until), *terms)

    # Figures

    @property
    def total(self) -> int:
        """The number of events."""
        return self.counts.totals("all")[""]

    @property
    def actions(self) -> Counter[str]:
        """The number of events of each action."""
        return self.counts.totals("action")

    def figures(self) -> Sequence[Figure]:
        """Return the figures, each with its link and its change."""
        before = None
        if self._compared is not None:
            before = Numbers(self._compared, self._reader.users(self._compared))
        return figures(Numbers(self.counts, self.users()), before, self._address)

    def users(self) -> UserCounts:
        """Return the users with an event in the period, and how many of them joined before it."""
        return self._reader.users(self.counts)

    def rankings(self) -> Sequence[Ranking]:
        """Return the rankings of pages, errors, actions, users, addresses and clients."""
        return rankings(self.counts, self._compared, self._address)

    def week(self) -> dict[str, Any]:
        """Return the events by hour of the week, in the current time zone."""
        cells = [[0] * 24 for _day in range(7)]
        zone = timezone.get_current_timezone()
        for hour, count in self.counts.by_hour().items():
            moment = hour.astimezone(zone)
            cells[moment.weekday()][moment.hour] += count
        days = [str(WEEKDAYS_ABBR[day]) for day in range(7)]
        return {
            "chart": charts.heatmap(cells, days, _("Events by hour of the week")),
            "table": list(zip(days, cells, strict=True)),
            "hours": [f"{hour:02}" for hour in range(24)],
        }
