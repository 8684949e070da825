"""The figures of the overview: events, requests, errors, response times, bots and users."""

from typing import NamedTuple, Protocol

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from .. import formats
from ..counts.percentiles import percentile
from ..counts.period import NewestPeriodCounts, PeriodCounts
from ..counts.users import UserCounts, count_users, count_users_with_keys
from ..datetimes import to_db_timezone
from ..models import Log
from .comparison import Change, figure_change
from .html import duration_text
from .search.tree import Term

REQUEST = Term("is", "request")


class Figure(NamedTuple):
    """A figure with a note, a link to its events, and its change."""

    name: str
    text: str
    note: str
    address: str | None
    change: Change | None = None


class Address(Protocol):
    """Returns the address of the events that ``terms`` find in the period."""

    def __call__(self, *terms: Term) -> str: ...


def count_users_of_period(counts: PeriodCounts, events: QuerySet[Log]) -> UserCounts:
    """Count the users of a period."""
    if isinstance(counts, NewestPeriodCounts):
        return count_users_with_keys(counts.users, counts.start)
    start, end = to_db_timezone(counts.start), to_db_timezone(counts.until)
    within = events.filter(timestamp__gte=start, timestamp__lt=end)
    return count_users(within, counts.start)


class Numbers:
    """The numbers of a period."""

    def __init__(self, counts: PeriodCounts, users: UserCounts) -> None:
        statuses, devices = counts.totals("status"), counts.totals("device")
        self.events = counts.totals("all")[""]
        self.requests = statuses.total()
        self.client_errors, self.server_errors = statuses["4xx"], statuses["5xx"]
        self.bots = devices["bot"]
        self.latencies = counts.latency_histogram()
        self.users = users


def figures(now: Numbers, before: Numbers | None, address: Address) -> list[Figure]:
    """Return the figures of a period, compared with the period before if it is known."""

    def count(name: str, key: str, note: str, *terms: Term) -> Figure:
        number = getattr(now, key)
        earlier = getattr(before, key) if before else 0
        changed = figure_change(number, earlier, formats.number(earlier))
        return Figure(name, formats.number(number), note, address(*terms), changed)

    share_4xx = _share(_("%s of requests"), now.client_errors, now.requests)
    share_5xx = _share(_("%s of requests"), now.server_errors, now.requests)
    share_bots = _share(_("%s of requests"), now.bots, now.requests)
    return [
        count(_("Events"), "events", ""),
        count(_("Requests"), "requests", "", REQUEST),
        count(_("Client errors"), "client_errors", share_4xx, Term("status", "4xx")),
        count(_("Server errors"), "server_errors", share_5xx, Term("status", "5xx")),
        *_response_times(now, before, address),
        count(_("Bots"), "bots", share_bots, Term("is", "bot"), REQUEST),
        *_users(now.users, before.users if before else None, address),
    ]


def _response_times(now: Numbers, before: Numbers | None, address: Address) -> list[Figure]:
    """Return percentiles, each with a link to the requests that took longer."""
    found = []
    names = {_("Median"): 0.5, _("p95"): 0.95, _("p99"): 0.99}
    for name, part in names.items():
        if (took := percentile(now.latencies, part)) is None:
            continue
        earlier = percentile(before.latencies, part) if before else None
        changed = None if earlier is None else figure_change(took, earlier, duration_text(earlier))
        slower = Term("duration", f"{took:.0f}ms", ">=")
        link = address(slower, REQUEST)
        found.append(Figure(name, duration_text(took), _("response time"), link, changed))
    return found


def _users(now: UserCounts, before: UserCounts | None, address: Address) -> list[Figure]:
    earlier = before.all if before else 0
    used = Figure(
        _("Users"),
        formats.number(now.all),
        _("with an event"),
        address(Term("is", "user")),
        figure_change(now.all, earlier, formats.number(earlier)),
    )
    if now.joined_before is None:
        return [used]
    joined, returned = now.all - now.joined_before, now.joined_before
    returned_before = before.joined_before or 0 if before else 0
    new = earlier - returned_before
    return [
        used,
        Figure(
            _("New users"),
            formats.number(joined),
            _("joined in this period"),
            None,
            figure_change(joined, new, formats.number(new)),
        ),
        Figure(
            _("Returning"),
            formats.number(returned),
            _("joined earlier"),
            None,
            figure_change(returned, returned_before, formats.number(returned_before)),
        ),
    ]


def _share(text: str, part: int, whole: int) -> str:
    """Return ``text`` with a share in percent; empty if the share is nothing."""
    if not whole or not part:
        return ""
    percent = 100 * part / whole
    return text % formats.percent(formats.decimal(percent, 0 if percent >= 10 else 1))
