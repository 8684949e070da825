"""The message of a failed assertion: what was expected, and a table of what was logged."""

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from os.path import commonprefix
from typing import Any

from ..backends.capture import CapturedEvent
from ..records.encoding import encode
from ..text import CUT, cut
from .conditions import Conditions
from .documents import MISSING, Difference, own_extra

MAX_ROWS = 20
MAX_DIFFERENCES = 5  # named for each event
MAX_CELL_LENGTH = 60  # characters
MAX_VALUE_LENGTH = 200  # characters of a value that differs
CONTEXT_LENGTH = 20  # characters before the first difference of two long values
HEADER = ("action", "user", "object", "extra", "differs in")


def failure_message(
    wanted: Conditions, events: Sequence[CapturedEvent], found: int, expected: int
) -> str:
    """Return the message for ``found`` events where ``expected`` were expected."""
    number = {0: "no event", 1: "an event"}.get(expected, f"{expected} events")
    logged = {0: "none was", 1: "1 was"}.get(found, f"{found} were")
    heading = f"Expected {number} {wanted}, but {logged} logged."
    if not events:
        return f"{heading} No event was logged at all."
    nearest = sorted(events, key=lambda event: _distance(wanted, event))
    rows = [_row(wanted, event) for event in nearest[:MAX_ROWS]]
    more = f"\n    … and {len(events) - MAX_ROWS} more" if len(events) > MAX_ROWS else ""
    details = _details(wanted, nearest[0]) if found < expected else ""
    if found < expected and (advice := wanted.advice):
        details += f"\n{advice}"
    return (
        f"{heading} These events were logged, the nearest first:\n\n{_table(rows)}{more}\n{details}"
    )


def _distance(wanted: Conditions, event: CapturedEvent) -> tuple[float, int]:
    """Return a key that sorts by similarity of the action, then by the conditions not met."""
    unmet = wanted.unmet(event)
    if "action" not in unmet:
        return 0.0, len(unmet)
    return 1 - SequenceMatcher(None, wanted.action, event.record.action).ratio(), len(unmet)


def _row(wanted: Conditions, event: CapturedEvent) -> tuple[str, ...]:
    cells = (event.record.action, event.row.user_name, _object(event), _extra(wanted, event))
    return (*map(_shortened, cells), ", ".join(_places(wanted, event)) or "nothing")


def _places(wanted: Conditions, event: CapturedEvent) -> list[str]:
    """Return where the event differs: names of conditions, and paths such as ``extra.total``."""
    found = wanted.differences(event)
    places: list[str] = []
    for name in wanted.unmet(event):
        differences = found.get(name, [])
        places += [place for place, *_ in differences[:MAX_DIFFERENCES]] or [name]
        if len(differences) > MAX_DIFFERENCES:
            places.append(CUT)
    return [*dict.fromkeys(places)]


def _details(wanted: Conditions, event: CapturedEvent) -> str:
    """Return the values of the event that differ, if it has the expected action."""
    if "action" in wanted.unmet(event):
        return ""
    found = [each for some in wanted.differences(event).values() for each in some]
    lines = map(_detail, found[:MAX_DIFFERENCES])
    return "".join(["\nThe first event differs in:\n\n", *lines]) if found else ""


def _detail(difference: Difference) -> str:
    place, *values = difference
    expected, logged = _around_difference(*map(_text, values))
    return f"    {place}: expected {expected}, logged {logged}\n"


def _text(value: Any) -> str:
    return "no value" if value is MISSING else encode(value)


def _around_difference(*texts: str) -> list[str]:
    """Return two texts, which are cut where they are long and not at their first difference."""
    begin = len(commonprefix(texts)) - CONTEXT_LENGTH  # noqa: RUF071 (texts, not paths)
    if begin > 0 and max(map(len, texts)) > MAX_VALUE_LENGTH:
        texts = tuple(CUT + text[begin:] for text in texts)
    return [cut(text, MAX_VALUE_LENGTH) for text in texts]


def _object(event: CapturedEvent) -> str:
    record = event.record
    if record.model is None:
        return "-"
    key = "" if record.object_id is None else f" {record.object_id}"
    return f"{record.model}{key} ({event.row.object_name})"


def _extra(wanted: Conditions, event: CapturedEvent) -> str:
    """Return ``extra`` as text, in which keys that differ come first, and facts last."""
    extra = event.row.extra
    if isinstance(extra, dict):
        found = [each for some in wanted.differences(event).values() for each in some]
        keys = [place.removeprefix("extra.").partition(".")[0] for place, *_ in found]
        extra = {key: extra[key] for key in [*keys, *own_extra(event), *extra] if key in extra}
    return encode(extra)


def _table(rows: Iterable[Sequence[str]]) -> str:
    lines = [HEADER, *rows]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(
        "    " + "  ".join(map(str.ljust, line, widths)).rstrip()  # as wide as its column
        for line in lines
    )


def _shortened(cell: str) -> str:
    cell = " ".join(cell.split())
    return cell if len(cell) <= MAX_CELL_LENGTH else f"{cell[: MAX_CELL_LENGTH - 1]}…"
