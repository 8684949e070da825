"""Many records by column, for bulk inserts."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

# Begins the last value of a line. Quotes inside the values before it are escaped.
EXTRA_KEY = ',"extra":'

_head_values = itemgetter(
    "action",
    "timestamp",
    "user_id",
    "user_repr",
    "user_state",
    "model",
    "object_id",
    "object_repr",
    "is_request",
    "ip",
    "status",
    "own_keys",
    "uid",
    "is_announced",
)


# Values that lines of earlier releases lack, which may wait in a spool or a broker.
_ADDED_LATER = {"user_state": None, "uid": ""}


def _values_of(heads: Sequence[Any]) -> list[tuple[Any, ...]]:
    try:
        return [*map(_head_values, heads)]
    except KeyError:
        return [_head_values(_ADDED_LATER | head) for head in heads]


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
        parts = [line.partition(EXTRA_KEY) for line in lines]
        heads = json.loads("[" + "},".join([head for head, _, _ in parts]) + "}]")
        try:
            extras = [extra[:-1] for _, _, extra in parts]
            values = zip(*_values_of(heads), strict=True)
            columns = cls._make((*values, extras))
            list(columns.moments())
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("this line is not an event") from error
        texts = (columns.actions, columns.user_reprs, columns.object_reprs)
        is_complete = all(line[-1:] == "}" for line in lines)
        if not is_complete or {type(text) for column in texts for text in column} != {str}:
            raise ValueError("this line is not an event")
        return columns

    def moments(self) -> Iterable[datetime]:
        """Parse the timestamps."""
        return map(datetime.fromisoformat, self.timestamps)

    def rows(self) -> Iterable[tuple[Any, ...]]:
        """Return the values of each record."""
        return zip(self.actions, self.moments(), *self[2:], strict=True)
