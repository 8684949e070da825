"""Many records by column, for bulk inserts."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

# A line is {"event":[values of the columns],"extra":{...}}. Quotes inside values are escaped, so
# that the first EXTRA_KEY ends the values.
EVENT_KEY, EXTRA_KEY = '{"event":', ',"extra":'

_TEXT: set[Any] = {str}
_NONE: set[Any] = {type(None)}
# The types of the values in a line, which only a damaged file breaks. Otherwise the error would
# depend on the database, or SQLite would store a value that cannot be read again.
_TYPES: Sequence[set[Any]] = (
    *(_TEXT, _TEXT, {int, str} | _NONE, _TEXT, {int} | _NONE, _TEXT | _NONE, {int, str} | _NONE),
    *(_TEXT, {bool}, _TEXT | _NONE, {int} | _NONE, _TEXT | _NONE, _TEXT, {bool}, _TEXT),
)
_UID_LENGTHS = {0, 32, 36}  # 36 with hyphens


class Columns(NamedTuple):
    """Columns that built-ins process in C, in half the time of a loop (``benchmarks.delivery``).

    Timestamps are text in the format of ``datetime.isoformat()``.
    """

    actions: Sequence[str]
    timestamps: Sequence[str]
    user_ids: Sequence[int | str | None]
    user_reprs: Sequence[str]
    user_states: Sequence[int | None]
    models: Sequence[str | None]
    object_ids: Sequence[int | str | None]
    object_reprs: Sequence[str]
    requests: Sequence[bool]
    ips: Sequence[str | None]
    statuses: Sequence[int | None]
    own_keys: Sequence[str]
    uids: Sequence[str]
    announced: Sequence[bool]
    extras: Sequence[str]

    @classmethod
    def from_json_lines(cls, lines: Sequence[str]) -> "Columns":
        """Parse lines of ``Record.to_json()``. Raise ``ValueError`` if any line is not an event."""
        start = len(EVENT_KEY)
        parts = [line.partition(EXTRA_KEY) for line in lines]
        try:
            events = json.loads("[" + ",".join([head[start:] for head, _, _ in parts]) + "]")
            extras = [extra[:-1] for _, _, extra in parts]
            columns = cls._make((*zip(*events, strict=True), extras))
            list(columns.moments())
            bytes.fromhex("".join(columns.uids).replace("-", ""))
        except json.JSONDecodeError:
            raise
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError("this line is not an event") from error
        if (
            len(events) != len(lines)
            or {line[:start] for line in lines} != {EVENT_KEY}
            or {line[-1:] for line in lines} != {"}"}
            or not all(map(_has_types, columns, _TYPES))
            or not _UID_LENGTHS.issuperset(map(len, columns.uids))
        ):
            raise ValueError("this line is not an event")
        return columns

    def moments(self) -> Iterable[datetime]:
        """Parse the timestamps."""
        return map(datetime.fromisoformat, self.timestamps)

    def rows(self) -> Iterable[tuple[Any, ...]]:
        """Return the values of each record."""
        return zip(self.actions, self.moments(), *self[2:], strict=True)


def _has_types(column: Sequence[Any], types: set[Any]) -> bool:
    return types.issuperset(map(type, column))
