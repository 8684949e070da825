"""The rankings of the overview: the most frequent values of a period, and the slowest pages."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .. import formats
from ..counts.percentiles import percentile
from ..counts.period import PeriodCounts
from ..records.user_state import UserState
from . import charts
from .figures import REQUEST, Address
from .html import device_label, duration_text
from .search.tree import Term

MAX_RANKING_ROWS = 10
MIN_SLOW_PAGE_REQUESTS = 20  # because the p95 of fewer requests is a single one


class RankingRow(NamedTuple):
    """A row of a ranking."""

    name: str
    address: str | None
    figure: str
    bar: SafeString
    more: Sequence[str] = ()


class Ranking(NamedTuple):
    """A table of the most frequent values."""

    title: str
    columns: Sequence[str]
    rows: Sequence[RankingRow]
    note: str = ""
    is_wide: bool = False


def rankings(
    counts: PeriodCounts, previous: PeriodCounts | None, address: Address
) -> Sequence[Ranking]:
    """Return the rankings that have rows; ``previous`` is the period to compare with."""
    events, failed = _("Events"), _("Failed")

    def ranking(title: str, dimension: str, *terms: Term, key: str = "", name: str = "") -> Ranking:
        rows = _rows(counts.totals(dimension), key, terms, address)
        return Ranking(title, (name or events,), rows)

    found = [
        Ranking(
            _("Pages"),
            (events, _("Median"), _("p95"), failed),
            _pages(counts, address),
            is_wide=True,
        ),
        _slowest(counts, address),
        _new_errors(counts, previous, address),
        ranking(
            _("Errors by page"), "failed", Term("status", "5xx"), REQUEST, key="view", name=failed
        ),
        ranking(_("Actions"), "action", key="action"),
        ranking(_("Users"), "user", key="user"),
        _visitors(counts, address),
        ranking(_("Addresses"), "address", key="ip"),
        _devices(ranking(_("Devices"), "device", REQUEST, key="device")),
        ranking(_("Browsers"), "browser")._replace(note=_("Without bots.")),
    ]
    return [each for each in found if each.rows]


def _devices(found: Ranking) -> Ranking:
    rows = [row._replace(name=device_label(row.name)) for row in found.rows]
    return found._replace(rows=rows)


def _pages(counts: PeriodCounts, address: Address) -> list[RankingRow]:
    failed, latencies = counts.totals("failed"), counts.latency_histograms()
    return [
        row._replace(
            more=(
                _latency(latencies, row.name, 0.5),
                _latency(latencies, row.name, 0.95),
                formats.number(failed[row.name]) if failed[row.name] else "",
            )
        )
        for row in _rows(counts.totals("page"), "view", [REQUEST], address)
    ]


def _slowest(counts: PeriodCounts, address: Address) -> Ranking:
    """Return the pages with the highest p95."""
    latencies = counts.latency_histograms()
    times = [
        (took, page)
        for page, histogram in latencies.items()
        if page and histogram.total() >= MIN_SLOW_PAGE_REQUESTS
        if (took := percentile(histogram, 0.95)) is not None
    ]
    slowest = sorted(times, key=lambda each: (-each[0], each[1]))[:MAX_RANKING_ROWS]
    rows = [
        RankingRow(
            page,
            address(Term("view", page), REQUEST),
            duration_text(took),
            charts.share_bar(took, slowest[0][0]),
            (formats.number(latencies[page].total()),),
        )
        for took, page in slowest
    ]
    note = ngettext(
        "Pages with at least %(count)d request.",
        "Pages with at least %(count)d requests.",
        MIN_SLOW_PAGE_REQUESTS,
    ) % {"count": MIN_SLOW_PAGE_REQUESTS}
    return Ranking(_("Slowest pages"), (_("p95"), _("Requests")), rows, note)


def _new_errors(counts: PeriodCounts, previous: PeriodCounts | None, address: Address) -> Ranking:
    """Return the exceptions that did not occur in the previous period; none if it is unknown."""
    new: Counter[str] = Counter()
    if previous is not None:
        known = previous.totals("exception")
        found = counts.totals("exception")
        new.update({name: count for name, count in found.items() if not known[name]})
    rows = _rows(new, "exception", [REQUEST], address)
    note = _("Exceptions that did not occur in the period before.")
    return Ranking(_("New errors"), (_("Events"),), rows, note)


def _visitors(counts: PeriodCounts, address: Address) -> Ranking:
    """Return the requests of users, of anonymous visitors, and of users that are not known."""
    terms = {"known": "user", "anonymous": "anonymous", "unknown": "unknown"}
    rows = [
        row._replace(
            name=str(UserState[row.name.upper()].label),
            address=address(Term("is", terms[row.name]), REQUEST),
        )
        for row in _rows(counts.totals("visitor"), "", [], address)
    ]
    note = _("A user is not known if the site did not load the user of the session.")
    is_unclear = counts.totals("visitor")["unknown"]
    return Ranking(_("Visitors"), (_("Requests"),), rows, note if is_unclear else "")


def _rows(
    counts: Counter[str], key: str, terms: Sequence[Term], address: Address
) -> list[RankingRow]:
    """Return the most frequent values, each with a link to its events if it has a ``key``."""
    top = counts.most_common(MAX_RANKING_ROWS)
    return [
        RankingRow(
            value,
            address(Term(key, value), *terms) if key else None,
            formats.number(count),
            charts.share_bar(count, top[0][1]),
        )
        for value, count in top
    ]


def _latency(latencies: dict[str, Counter[int]], page: str, part: float) -> str:
    took = percentile(latencies.get(page, Counter()), part)
    return "" if took is None else duration_text(took)
