"""Events as lines of text for a terminal."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ..datetimes import local
from ..models import Log
from .html import (
    MAX_PATH_LENGTH,
    MAX_WORD_LENGTH,
    duration_text,
    own_values_in_line,
    shorten,
    user_and_acting_user,
)

USER_WIDTH = 12  # characters at least
ACTION_WIDTH = 24
MAX_USER_LENGTH = 48
MAX_LABEL_LENGTH = 40  # characters of an action or an object's name
MAX_OWN_LENGTH = 80  # characters of the application's values
MAX_ADDRESS_LENGTH = 45
STATUS_STYLES = {"2": "green", "3": "cyan", "4": "yellow", "5": "bold red"}


class Part(NamedTuple):
    """A piece of a line, and its style as rich names it."""

    text: str
    style: str = ""


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def printable(text: str, escape: Callable[[str], str] = _escape) -> str:
    r"""Return ``text`` with an escape such as ``\x1b`` for each character that is not printable.

    A terminal obeys control characters, and direction marks change the order of what it shows.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else escape(each) for each in text)


class Widths(NamedTuple):
    """The characters of the columns that are filled up with spaces."""

    user: int = USER_WIDTH
    action: int = ACTION_WIDTH


def column_widths(events: Iterable[Log]) -> Widths:
    """Return the widths that the columns of these events need below each other."""
    user, action = Widths()
    for event in events:
        user = max(user, len(_user(event)))
        action = max(action, len(_action(event)))
    return Widths(user, action)


def _user(event: Log) -> str:
    return _cut(user_and_acting_user(event), MAX_USER_LENGTH)


def _action(event: Log) -> str:
    return _cut(event.action, MAX_LABEL_LENGTH)


def line_parts(event: Log, columns: Widths) -> Sequence[Part]:
    """Return time, user, action, object, request, own values and address of an event."""
    moment = local(event.timestamp).replace(tzinfo=None)
    address = event.facts.get("ip")
    fields = [
        [Part(moment.isoformat(" ", "seconds"), "dim")],
        [Part(_user(event).ljust(columns.user), "bold")],
        [Part(_action(event).ljust(columns.action), "cyan")],
        [Part(_cut(event.object_name, MAX_LABEL_LENGTH), "magenta")],
        [*_request(event)],
        [Part(_cut(own_values_in_line(event), MAX_OWN_LENGTH))],
        [Part("" if address is None else _cut(address, MAX_ADDRESS_LENGTH), "dim")],
    ]
    parts: list[Part] = []
    for field in fields:
        if any(part.text for part in field):
            parts += [Part("  "), *field] if parts else field
    final = parts.pop()
    return [*parts, final._replace(text=final.text.rstrip())]


def _request(event: Log) -> Iterator[Part]:
    known = event.facts
    if "path" not in known:
        return
    if "method" in known:
        yield Part(f"{_cut(known['method'], MAX_WORD_LENGTH)} ")
    yield Part(_cut(known["path"], MAX_PATH_LENGTH))
    if (status := known.get("status")) is not None:
        text = _cut(status, MAX_WORD_LENGTH)
        yield Part(" → ")
        yield Part(text, STATUS_STYLES.get(text[:1], ""))
    if (took := known.get("duration_ms")) is not None:
        yield Part(f" · {printable(duration_text(took))}", "dim")


def _cut(value: Any, limit: int) -> str:
    return printable(shorten(value, limit))


def plain_text(parts: Sequence[Part]) -> str:
    """Return a line without styles."""
    return "".join(part.text for part in parts)
