"""Values that a reader returns to pages."""

from collections import Counter
from datetime import datetime
from typing import Any, NamedTuple


class ActionCounts(NamedTuple):
    """The number of events of each action of a period."""

    counts: Counter[str]
    uncounted_hours: int = 0
    counted_newest: int | None = None  # the number of newest events that were counted, if not all


class EventWithChange(NamedTuple):
    """An event of an object, and the old and the new value of one field as JSON, if any."""

    pk: int
    timestamp: datetime
    user_id: Any
    user_repr: str
    action: str
    pair: str | None
