"""The lines of the list: events under the headings of their days, with related events folded."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.translation import gettext, ngettext

from .. import formats
from ..datetimes import local
from ..models import Log

MIN_RUN_LENGTH = 3  # equal events in a row that are folded


class Fold(NamedTuple):
    """Events that one line stands for: of one request, or equal events in a row."""

    events: Sequence[Log]  # the first one is shown
    is_run: bool = False

    @property
    def label(self) -> str:
        """The short text of the switch that unfolds the events."""
        if not self.is_run:
            return f"+{len(self.events) - 1}"
        oldest = local(self.events[-1].timestamp)
        values = {"n": len(self.events), "time": f"{oldest:%H:%M:%S}"}
        return gettext("%(n)d × since %(time)s") % values  # noqa: RUF001 (the sign for times)

    @property
    def description(self) -> str:
        """The text of the switch for screen readers."""
        count = len(self.events) - 1
        if self.is_run:
            text = ngettext(
                "Show %(n)d more event like this", "Show %(n)d more events like this", count
            )
        else:
            text = ngettext(
                "Show %(n)d more event of this request",
                "Show %(n)d more events of this request",
                count,
            )
        return text % {"n": count}


class Line(NamedTuple):
    """A line of the list: the cells of each event, and the heading of a new day before it."""

    fold: Fold
    rows: Sequence[Any]  # the cells of each event of the fold
    day: str  # empty if the line before has the same day


def fold(events: Sequence[Log]) -> list[Fold]:
    """Fold the events of one request, and equal events in a row."""
    found: list[Fold] = []
    for key, some in groupby(_by_request(events), key=_run_key):
        folds = [*some]
        if key is None or len(folds) < MIN_RUN_LENGTH:
            found += folds
        else:
            found.append(Fold([each.events[0] for each in folds], is_run=True))
    return found


def _by_request(events: Sequence[Log]) -> Iterator[Fold]:
    ids = [request_id_of(event) for event in events]
    times = Counter(ids)
    done: set[str] = set()
    for event, request_id in zip(events, ids, strict=True):
        if not request_id or times[request_id] == 1:
            yield Fold([event])
        elif request_id not in done:
            done.add(request_id)
            same = [other for other, its in zip(events, ids, strict=True) if its == request_id]
            # The event of the request itself stands for the events that were logged during it.
            yield Fold(sorted(same, key=lambda each: not each.is_request))


def request_id_of(event: Log) -> str:
    """Return the ID of the event's request; empty if it is unknown."""
    request_id = event.facts.get("request_id")
    return request_id if isinstance(request_id, str) else ""


def _run_key(fold: Fold) -> tuple[Any, ...] | None:
    """Return what events of a run have in common; None for events of one request."""
    if len(fold.events) > 1:
        return None
    event = fold.events[0]
    return (
        event.action,
        event.user_id,
        event.user_repr,
        event.ip,
        event.content_type_id,
        event.object_id,
        event.status,
        str(event.facts.get("path")),
        _own_values(event),
        _day(event),
    )


def _own_values(event: Log) -> str:
    """Return what the application put into ``extra``, as text that can be compared."""
    if not isinstance(event.extra, dict):
        return str(event.extra)
    facts = event.facts
    return str({key: value for key, value in event.extra.items() if key not in facts})


def _day(event: Log) -> Any:
    return local(event.timestamp).date()


def list_lines(
    events: Sequence[Log], rows: Sequence[Any], *, folded: bool = True
) -> Iterator[Line]:
    """Yield the lines of the list; ``rows`` holds the cells of each event."""
    cells = dict(zip((event.pk for event in events), rows, strict=True))
    day = None
    for each in fold(events) if folded else [Fold([event]) for event in events]:
        first = _day(each.events[0])
        heading = "" if first == day else formats.day_of_week(first)
        if heading and day is None:
            heading = f"{heading} · {timezone.get_current_timezone_name()}"
        day = first
        yield Line(each, [cells[event.pk] for event in each.events], heading)
