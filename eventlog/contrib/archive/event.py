"""An event as all stores have it, and its checksum."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DIGEST_BYTES = 16
MAX_EXACT_DIGITS = 15  # of a number that a double holds exactly

# A batch is written by one statement or transaction.
BATCH_ROWS = 5000
BATCH_BYTES = 16 * 2**20  # of ``extra``


class CopiedEvent(NamedTuple):
    """The values of an event, without the keys that only one store knows."""

    uid: str  # 32 hexadecimal digits
    micros: int  # the time since 1970, in microseconds
    action: str
    user_id: str | None
    user_repr: str
    user_state: int | None
    model: str  # "app_label.model"; empty without an object
    object_id: str | None
    object_repr: str
    is_request: bool
    ip: str | None
    status: int | None
    own_keys: str | None
    extra: str  # a JSON document, as the store has it

    @property
    def moment(self) -> datetime:
        """The time in UTC."""
        return EPOCH + timedelta(microseconds=self.micros)

    def digest(self) -> int:
        """Return a hash of all values, which is equal in all stores."""
        text = f"{self[:-1]!r}{canonical(self.extra)}"
        hashed = blake2b(text.encode("utf-8", "backslashreplace"), digest_size=DIGEST_BYTES)
        return int.from_bytes(hashed.digest())


class Checksum(NamedTuple):
    """The number of events, and the sum of their hashes, which no order changes."""

    number: int = 0
    total: int = 0

    @classmethod
    def of(cls, events: Iterable[CopiedEvent]) -> "Checksum":
        """Return the check of events."""
        number = total = 0
        for event in events:
            number += 1
            total += event.digest()
        return cls(number, total % (1 << 128))

    def plus(self, other: "Checksum") -> "Checksum":
        """Return the check of the events of both."""
        return Checksum(self.number + other.number, (self.total + other.total) % (1 << 128))


def micros_of(moment: datetime) -> int:
    """Return the time since 1970 of an aware datetime."""
    return (moment - EPOCH) // timedelta.resolution


def event_batches(
    events: Iterable[CopiedEvent], rows: int = BATCH_ROWS, size: int = BATCH_BYTES
) -> Iterator[list[CopiedEvent]]:
    """Yield the events in lists that are bounded in rows and in bytes of ``extra``."""
    waiting: list[CopiedEvent] = []
    used = 0
    for event in events:
        length = len(event.extra)
        if waiting and (len(waiting) >= rows or used + length > size):
            yield waiting
            waiting, used = [], 0
        waiting.append(event)
        used += length
    if waiting:
        yield waiting


# Databases order the keys of a document, and print numbers in their own way.


def canonical(document: str) -> str:
    """Return a JSON document as text that is equal for equal documents of all stores."""
    try:
        return _encode(_decode(document))
    except (ValueError, RecursionError):  # 1,000 nested lists
        return document


def _integer(text: str) -> Any:
    return int(text) if len(text) <= MAX_EXACT_DIGITS else _double(text)


def _double(text: str) -> Any:
    number = float(text)
    if number.is_integer() and abs(number) < 10**MAX_EXACT_DIGITS:
        return int(number)
    return number if abs(number) != float("inf") else text


_decode = json.JSONDecoder(parse_int=_integer, parse_float=_double).decode
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
