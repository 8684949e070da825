"""The parts of the page around the list of events: its chart, its facets, its folded lines."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from .. import formats
from ..datetimes import MINUTE, aware, local
from ..metadata.fields import FIELDS
from .charts import short_number
from .chosen_columns import OWN_COLUMNS
from .facets import MAX_EVENTS, Facet, facets
from .histogram import Histogram, HistogramSpan
from .list_chart import ListChartBar, list_chart, list_chart_times, per_zone
from .list_lines import Line, list_lines
from .list_links import ListLinks
from .pagination import Page
from .parameters import COLUMNS_VAR, FACETS_VAR, SELECT_VAR
from .reader import Reader
from .search.plan import QueryPlan
from .search.query import BOUNDS
from .search.tree import Term

UNITS: Sequence[tuple[timedelta, Callable[[int], str]]] = (
    (timedelta(weeks=1), lambda n: ngettext("%(n)d week", "%(n)d weeks", n)),
    (timedelta(days=1), lambda n: ngettext("%(n)d day", "%(n)d days", n)),
    (timedelta(hours=1), lambda n: ngettext("%(n)d hour", "%(n)d hours", n)),
    (timedelta(minutes=1), lambda n: ngettext("%(n)d minute", "%(n)d minutes", n)),
    (timedelta(seconds=1), lambda n: ngettext("%(n)d second", "%(n)d seconds", n)),
)


class TimelineChart(NamedTuple):
    """The number of events over time, with links to other periods."""

    svg: SafeString
    times: SafeString
    most: str  # events of a bar
    start: str
    end: str
    width: str
    total: int
    is_complete: bool  # whether the total is the number of events that the search finds
    counted_from: datetime | None
    earlier: str
    later: str | None
    zoom_out: str


class ListPanels(ListLinks):
    """The parts of the page of the list, each read when the template asks for it."""

    reader: Reader
    plan: QueryPlan

    @property
    def has_restriction(self) -> bool:
        """True if stored counts do not apply."""
        raise NotImplementedError

    @cached_property
    def chart(self) -> TimelineChart | None:
        """Return the chart of the search; None if the search has an error."""
        if self.search.errors:
            return None
        start, end = self.period()
        others = [node for node in self.search.conjuncts if not _is_bound(node)]
        is_whole = not others and self.kind == "both" and not self.has_restriction
        found = self.reader.timeline(self.plan, start, end, is_whole=is_whole)
        return self._chart(found) if found.spans else None

    def _chart(self, found: Histogram) -> TimelineChart:
        start, end = found.spans[0].start, found.spans[-1].end
        length = end - start
        bars = [self._bar(span, _named(span.start, found.width)) for span in found.spans]
        first, _end = self.bounds()
        is_complete = found.counted_from is None and first is not None and aware(first) >= start
        now = aware(timezone.now())
        later = self.within(start + length, end + length) if end < now else None
        return TimelineChart(
            list_chart(bars, [*self._zones(found)], gettext("Events over time")),
            list_chart_times([span.start for span in found.spans], found.width),
            short_number(max(span.events for span in found.spans)),
            _named(start, found.width),
            _named(end, found.width),
            _in_words(found.width),
            sum(span.events for span in found.spans),
            is_complete,
            found.counted_from,
            self.within(_shifted(start, -length), start),
            later,
            self.within(_shifted(start, -length / 2), min(end + length / 2, max(end, now))),
        )

    def _bar(self, span: HistogramSpan, name: str) -> ListChartBar:
        address = self.within(span.start, span.end)
        return ListChartBar(span.events, address, f"{name} · {formats.number(span.events)}")

    def _zones(self, found: Histogram) -> Iterator[ListChartBar]:
        """Yield the links of a narrow window, each to several bars."""
        number = per_zone(found.spans)
        for at in range(0, len(found.spans), number):
            some = found.spans[at : at + number]
            span = HistogramSpan(some[0].start, some[-1].end, sum(each.events for each in some))
            start, end = (_named(moment, found.width) for moment in span[:2])
            yield self._bar(span, f"{start} – {end}")  # noqa: RUF001 (a range of times)

    def count_of_chart(self) -> tuple[str, int]:
        """Return the number of events that the chart has counted, and whether it is all of them.

        It is "shown" if the chart has counted no more events than the page shows.
        """
        shown, chart = len(self.page.events), self.chart
        if chart is None or chart.total <= shown:
            return "shown", shown
        return "all" if chart.is_complete else "at least", chart.total

    @property
    def has_facets(self) -> bool:
        """True if the facets are shown."""
        return bool(self.page_params[FACETS_VAR])

    @cached_property
    def facets(self) -> Sequence[Facet]:
        """Return the facets of the newest events that the search finds."""
        return [*facets(self._counted.events, self.narrowed_to, self.without_term)]

    @cached_property
    def _counted(self) -> Page:
        return self.reader.page(self.plan, MAX_EVENTS)

    @property
    def facets_title(self) -> str:
        """The heading of the facets, which says how many events they have counted."""
        counted, count = self._counted, len(self._counted.events)
        if counted.older or counted.scanned_until:
            text = ngettext(
                "Facets of the newest event", "Facets of the newest %(count)s events", count
            )
        else:
            text = ngettext("Facets of %(count)s event", "Facets of %(count)s events", count)
        return text % {"count": formats.number(count)}

    def without_term(self, term: Term) -> str:
        """Return the address of this list without the events that ``term`` finds."""
        return self.address(self.search.excluding(term))

    def lines(self, rows: Sequence[Any]) -> Iterator[Line]:
        """Yield the lines of the page; all events are shown while events are selected."""
        return list_lines(self.page.events, rows, folded=not self.page_params[SELECT_VAR])

    @property
    def columns(self) -> str:
        """The names of the chosen columns; empty for the default columns."""
        return self.page_params[COLUMNS_VAR]

    @property
    def column_names(self) -> Sequence[str]:
        """The names that a reader can choose."""
        return [*OWN_COLUMNS, *FIELDS, "extra.NAME"]

    @property
    def hidden_fields(self) -> Mapping[str, Any]:
        """The state that a form on this page has to keep."""
        kept = {name: value for name, value in self.page_params.items() if value}
        return {**{n: v for n, v in self.filter_params.items() if n != "q"}, **_views(kept)}


def _views(params: Mapping[str, str]) -> dict[str, str]:
    return {name: params[name] for name in ("show", "columns", "facets") if name in params}


def _is_bound(node: Any) -> bool:
    return isinstance(node, Term) and node.key in BOUNDS


def _shifted(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:  # the years before 1
        return moment


def _named(moment: datetime, width: timedelta) -> str:
    """Return the date and the time, with seconds if a bar is shorter than a minute."""
    return formats.minute(local(moment), seconds=width < MINUTE)


def _in_words(width: timedelta) -> str:
    unit, words = next((unit, words) for unit, words in UNITS if width >= unit)
    count = width // unit
    return words(count) % {"n": count}
