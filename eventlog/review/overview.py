"""A period at a glance: how much, of what, how fast, by whom, and what went wrong."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils import timezone
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ..models import Log
from ..moments import DAY, as_stored, aware, hour_of
from . import charts
from .counts import day_of
from .search import Term
from .shown import LIST, duration, local, query
from .tally import Tally, percentile

PERIODS = {
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "180d": timedelta(days=180),
}
STATUSES = ("2xx", "3xx", "4xx", "5xx")
TOP = 10


class Row(NamedTuple):
    """One line of a ranking."""

    name: str
    address: str | None
    events: int
    bar: SafeString
    more: Sequence[str] = ()


class Ranking(NamedTuple):
    title: str
    columns: Sequence[str]
    rows: Sequence[Row]


class Overview:
    """What the page shows; ``by`` is "status" or "action"."""

    def __init__(self, period: str, by: str, site: str) -> None:
        self.period = period if period in PERIODS else "24h"
        self.by = by if by in ("status", "action") else "status"
        self.end = aware(timezone.now())
        self.start = self.end - PERIODS[self.period]
        if PERIODS[self.period] > 7 * DAY:  # which are added up by the day
            self.start = day_of(hour_of(self.start))
        self._list = reverse(LIST, current_app=site)
        self.tally = Tally(self.start, self.end)
        self.start = self.tally.start

    # The pulse

    def pulse(self) -> dict[str, Any]:
        """Events over time, as a chart and as a table."""
        series = self._series()
        stacks: dict[datetime, Counter[str]] = defaultdict(Counter)
        whole: Counter[datetime] = Counter()
        over_time = self.tally.by_hour if self._length < DAY else self.tally.by_day
        for moment, counts in over_time("all", [""]).items():
            whole[self._bucket(moment)] += counts[""]
        for moment, counts in over_time(self.by, series).items():
            stacks[self._bucket(moment)].update(counts)
        names = [*series, _("others")]
        drawn, table = [], []
        for bucket in self._buckets():
            values = [stacks[bucket][name] for name in series]
            values.append(max(0, whole[bucket] - sum(values)))  # what is neither
            when = self._name(bucket)
            marks = [
                charts.Mark(
                    self._class(number, name),
                    count,
                    f"{when} · {name} · {count:,}",
                    self._events(bucket, name if number < len(series) else None),
                )
                for number, (name, count) in enumerate(zip(names, values, strict=True))
            ]
            drawn.append((when, marks))
            table.append((when, marks, whole[bucket], self._events(bucket)))
        return {
            "svg": charts.columns(drawn, _("Events over time")),
            "series": names,
            "legend": [(name, self._class(number, name)) for number, name in enumerate(names)],
            "table": table,
        }

    def _class(self, number: int, label: str) -> str:
        """Of the style sheet: a status has its colour everywhere."""
        if self.by == "status":
            return f"status s{label[0]}" if number < len(STATUSES) else "status other"
        return f"series s{number}"

    def _series(self) -> list[str]:
        if self.by == "status":
            return list(STATUSES)
        return [name for name, _count in self.actions.most_common(6)]

    @property
    def _length(self) -> timedelta:
        hours = {"24h": 1, "7d": 6, "30d": 24, "180d": 24 * 5}[self.period]
        return timedelta(hours=hours)

    def _bucket(self, hour: datetime) -> datetime:
        return self.start + (hour - self.start) // self._length * self._length

    def _buckets(self) -> list[datetime]:
        count = -(-(self.end - self.start) // self._length)
        return [self.start + number * self._length for number in range(count)]

    def _name(self, bucket: datetime) -> str:
        moment = local(bucket)
        return date_format(
            moment, "H:i" if self.period == "24h" else "M j H:i" if self.period == "7d" else "M j"
        )

    # Addresses of the events behind a figure

    def _events(
        self, bucket: datetime | None = None, value: str | None = None, key: str = ""
    ) -> str:
        terms = []
        if value is not None and key == "failed":
            terms += [Term("status", "5xx"), Term("extra.view", value)]
        elif value is not None:
            terms.append(Term(key or self.by, value))
        if bucket is None:
            terms.append(Term("from", local(self.start).isoformat(timespec="minutes")))
        else:
            until = local(bucket + self._length)
            terms.append(Term("from", local(bucket).isoformat(timespec="minutes")))
            terms.append(Term("to", until.isoformat(timespec="minutes")))
        return self._list + query(*terms)

    # Figures

    @property
    def total(self) -> int:
        return self.tally.totals("all")[""]

    @property
    def actions(self) -> Counter[str]:
        if not hasattr(self, "_actions"):
            self._actions = self.tally.totals("action")
        return self._actions

    def figures(self) -> Sequence[tuple[str, str, str, str | None]]:
        """Name, figure, what it means, where its events are."""
        total = self.total
        statuses = self.tally.totals("status")
        requests = sum(statuses.values())
        devices = self.tally.totals("device")
        clients = sum(devices.values())
        used, active = self.users()
        failed = statuses["5xx"]
        return [
            (_("Events"), f"{total:,}", "", self._events()),
            (_("Requests"), f"{requests:,}", "", self._events()),
            (
                _("Server errors"),
                f"{failed:,}",
                _share(failed, requests),
                self._events(None, "5xx", "status"),
            ),
            (
                _("Refused"),
                f"{statuses['4xx']:,}",
                _share(statuses["4xx"], requests),
                self._events(None, "4xx", "status"),
            ),
            (
                _("Bots"),
                _share(devices["bot"], clients) or "0 %",
                _("of clients"),
                self._events(None, "bot", "is"),
            ),
            (_("Users"), f"{used:,}", _("did something"), self._events(None, "user", "is")),
            (_("New users"), f"{used - active:,}", _("joined in this time"), None),
            (_("Returning"), f"{active:,}", _("joined before"), None),
        ]

    def users(self) -> tuple[int, int]:
        """Users with an event in the period: all of them, and those who joined before it."""
        theirs = Log.objects.filter(user=OuterRef("pk"), timestamp__gte=as_stored(self.start))
        seen = get_user_model()._default_manager.filter(Exists(theirs))
        if not hasattr(get_user_model(), "date_joined"):
            used = seen.count()
            return used, used
        used = seen.count()
        return used, used - seen.filter(date_joined__gt=as_stored(self.start)).count()

    def rankings(self) -> Sequence[Ranking]:
        tally, events = self.tally, _("Events")
        pages = tally.totals("page").most_common(TOP)
        failed = tally.totals("failed")
        paces = tally.paces([page for page, _count in pages])
        return [
            Ranking(
                _("Pages"),
                (events, _("half within"), _("95 % within"), _("Failed")),
                [
                    Row(
                        page,
                        self._events(None, page, "extra.view"),
                        count,
                        charts.bar(count, pages[0][1]),
                        (
                            _pace(percentile(paces[page], 0.5)),
                            _pace(percentile(paces[page], 0.95)),
                            f"{failed[page]:,}" if failed[page] else "",
                        ),
                    )
                    for page, count in pages
                ],
            ),
            Ranking(_("Actions"), (events,), self._rows(self.actions, "action")),
            Ranking(_("Errors by page"), (_("Failed"),), self._rows(failed, "failed")),
            Ranking(_("Addresses"), (events,), self._rows(tally.totals("address"), "ip")),
            Ranking(_("Devices"), (events,), self._rows(tally.totals("device"), "device")),
            Ranking(_("Browsers"), (events,), self._rows(tally.totals("browser"))),
        ]

    def _rows(self, counts: Counter[str], key: str = "") -> list[Row]:
        top = counts.most_common(TOP)
        return [
            Row(
                value,
                self._events(None, value, key) if key else None,
                count,
                charts.bar(count, top[0][1]),
            )
            for value, count in top
        ]

    def week(self) -> dict[str, Any]:
        """The busiest hours of the week, in the site's time."""
        cells = [[0] * 24 for _day in range(7)]
        zone = timezone.get_current_timezone()
        for hour, counts in self.tally.by_hour("all", [""]).items():
            moment = hour.astimezone(zone)
            cells[moment.weekday()][moment.hour] += counts[""]
        days = [str(WEEKDAYS_ABBR[day]) for day in range(7)]
        return {
            "svg": charts.heat(cells, days, _("Events by hour of the week")),
            "table": list(zip(days, cells, strict=True)),
            "hours": [f"{hour:02}" for hour in range(24)],
        }


def _share(part: int, whole: int) -> str:
    if not whole or not part:
        return ""
    share = 100 * part / whole
    return f"{share:.0f} %" if share >= 10 else f"{share:.1f} %"


def _pace(milliseconds: float | None) -> str:
    return "" if milliseconds is None else duration(milliseconds)


__all__ = ["PERIODS", "Overview"]
