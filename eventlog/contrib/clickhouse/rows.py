"""Lines of a segment as rows of the table in ClickHouse."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any, NamedTuple
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder

from ...backends.spool import Rejected
from ...datetimes import aware
from ...models.event import Log
from ...models.keys import content_type_id, user_id
from ...records.columns import Columns
from ...records.record import Record

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The years that DateTime64 can print and parse.
FIRST, LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2299, 12, 31, tzinfo=UTC)
KEY_BITS = (1 << 62) - 1  # the random bits at the end of a UUID


class ClickHouseRow(NamedTuple):
    """A row, and the line that it was made of."""

    line: str
    record: Record
    values: tuple[Any, ...]  # see columns.WRITTEN

    @property
    def id(self) -> int:
        """The primary key, which follows from the uid."""
        return int(self.values[0])

    @property
    def uid(self) -> UUID:
        found: UUID = self.values[1]
        return found

    @property
    def microseconds(self) -> int:
        """The time since 1970."""
        return int(self.values[2])

    @property
    def month(self) -> tuple[int, int]:
        """The partition."""
        moment = EPOCH + timedelta(microseconds=self.microseconds)
        return moment.year, moment.month


def microseconds(moment: datetime) -> int:
    """Return the time since 1970."""
    return (aware(moment) - EPOCH) // timedelta.resolution


def key_of(uid: UUID) -> int:
    """Return the primary key of an event, which is the same whenever its batch is sent."""
    return uid.int & KEY_BITS


def read_rows(
    batch_id: str, chunks: Iterable[Sequence[str]]
) -> tuple[list[ClickHouseRow], list[Rejected]]:
    """Return the rows of a batch, and the lines that are not valid events."""
    rows: list[ClickHouseRow] = []
    rejected: list[Rejected] = []
    number = 0
    for lines in chunks:
        for line, record in _records(lines, rejected):
            number += 1
            try:
                rows.append(ClickHouseRow(line, record, _values(batch_id, number, record)))
            except (ValueError, TypeError, OverflowError) as error:
                rejected.append(Rejected(line, f"{type(error).__name__}: {error}"))
    return rows, rejected


def _records(lines: Sequence[str], rejected: list[Rejected]) -> Iterable[tuple[str, Record]]:
    try:
        columns = Columns.from_json_lines(lines)
    except ValueError:
        return _one_by_one(lines, rejected)
    return zip(lines, map(Record._make, columns.rows()), strict=True)


def _one_by_one(lines: Sequence[str], rejected: list[Rejected]) -> Iterable[tuple[str, Record]]:
    for line in lines:
        try:
            record = Record.from_json(line)
        except (ValueError, TypeError) as error:
            rejected.append(Rejected(line, f"{type(error).__name__}: {error}"))
        else:
            yield line, record


def _values(batch_id: str, number: int, record: Record) -> tuple[Any, ...]:
    """Return the values of ``columns.WRITTEN``; raise an error for a value that does not fit."""
    moment = aware(record.timestamp)
    if not FIRST <= moment < LAST:
        raise ValueError(f"timestamp is {moment.isoformat()}; ClickHouse stores 1900 to 2299")
    status, state = record.status, record.user_state
    if status is not None and not 0 <= status < 1 << 16:
        raise ValueError(f"status is {status!r}; ClickHouse stores 0 to 65535")
    user = None if record.user_id is None else user_id(record.user_id)
    # Records of earlier releases have no uid. The same line always gets the same one.
    uid = UUID(record.uid or md5(f"{batch_id}-{number}".encode()).hexdigest())  # noqa: S324
    return (
        key_of(uid),
        uid,
        microseconds(moment),
        record.action,
        None if user is None else str(user),
        record.user_repr,
        state,
        content_type_id(record.model) if record.model else None,
        record.model or "",
        None if record.object_id is None else str(record.object_id),
        record.object_repr,
        bool(record.is_request),
        record.ip,
        status,
        record.own_keys,
        batch_id,
        record.extra,
    )


def event_values(event: Log, batch_id: str) -> tuple[Any, ...]:
    """Return the values of ``columns.WRITTEN`` of an event that another store has.

    An event without a uid gets one of its primary key.
    """
    kind = event.content_type
    uid = event.uid or UUID(int=event.pk & KEY_BITS)
    return (
        key_of(uid),
        uid,
        microseconds(event.timestamp),
        event.action,
        None if event.user_id is None else str(event.user_id),
        event.user_repr,
        event.user_state,
        event.content_type_id,
        "" if kind is None else f"{kind.app_label}.{kind.model}",
        event.object_id,
        event.object_repr,
        event.is_request,
        event.ip,
        event.status,
        event.own_keys,
        batch_id,
        json.dumps(event.extra, cls=DjangoJSONEncoder, separators=(",", ":")),
    )
