"""The table of events in ClickHouse."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from django.db import OperationalError

from ...models.keys import content_type_id
from ..clickhouse.columns import WRITTEN
from ..clickhouse.insertion import SETTINGS
from ..clickhouse.rows import FIRST, LAST, key_of
from ..clickhouse.table import ClickHouseTable
from .copy_store import StoreError, missing
from .event import EPOCH, CopiedEvent, micros_of

PAGE_ROWS = 5000
MAX_PAGE_BYTES = 16 * 1024  # of a document that is read with its page; others are read one by one
HOUR_MICROS = 3_600_000_000
# Added to hours since 1970, because intDiv() rounds towards zero.
OFFSET_HOURS = 876_600
_COLUMNS = (
    "id, toString(uid), toUnixTimestamp64Micro(timestamp), action, user_id, user_repr, user_state,"
    " model, object_id, object_repr, is_request, ip, status, own_keys, length(extra),"
    f" if(length(extra) <= {MAX_PAGE_BYTES}, extra, '')"
)
_SPAN = (
    "timestamp >= fromUnixTimestamp64Micro({start:Int64}, 'UTC')"
    " AND timestamp < fromUnixTimestamp64Micro({end:Int64}, 'UTC')"
)


class ClickHouseCopyStore:
    """The events in ClickHouse."""

    name = "ClickHouse"

    def __init__(self, table: ClickHouseTable) -> None:
        self._table = table

    def _select(self, sql: str, start: datetime, end: datetime, **parameters: Any) -> list[Any]:
        span = {
            "start": micros_of(max(start, FIRST)),
            "end": micros_of(min(end, LAST)),
        }
        return self._table.server.query(
            sql.format(table=self._table.name, span=_SPAN), {**span, **parameters}
        )

    def hours(self, start: datetime, end: datetime) -> dict[datetime, int]:
        offset = OFFSET_HOURS * HOUR_MICROS
        hour = f"intDiv(toUnixTimestamp64Micro(timestamp) + {offset}, {HOUR_MICROS})"
        rows = self._select(
            f"SELECT {hour} AS hour, count() FROM {{table}} WHERE {{span}}"  # noqa: S608 (numbers)
            " GROUP BY hour ORDER BY hour",
            start,
            end,
        )
        return {EPOCH + timedelta(hours=hour - OFFSET_HOURS): count for hour, count in rows}

    def read(self, start: datetime, end: datetime) -> Iterator[CopiedEvent]:
        after: dict[str, int] = {"micros": micros_of(max(start, FIRST)), "key": -1}
        condition = (
            "timestamp >= fromUnixTimestamp64Micro({{micros:Int64}}, 'UTC')"
            " AND (timestamp > fromUnixTimestamp64Micro({{micros:Int64}}, 'UTC')"
            " OR id > {{key:Int64}})"
        )
        sql = (
            f"SELECT {_COLUMNS} FROM {{table}} WHERE {{span}} AND {condition}"  # noqa: S608
            f" ORDER BY timestamp, id LIMIT {PAGE_ROWS}"
        )
        while True:
            rows = self._select(sql, start, end, **after)
            for key, uid, micros, *values, size, document in rows:
                if size > MAX_PAGE_BYTES:
                    document = self._document(key, micros)
                yield _event(uid, micros, values, document)
            if len(rows) < PAGE_ROWS:
                return
            after = {"micros": rows[-1][2], "key": rows[-1][0]}

    def _document(self, key: int, micros: int) -> str:
        rows = self._table.server.query(
            f"SELECT extra FROM {self._table.name} WHERE id = {{key:Int64}}"  # noqa: S608
            " AND timestamp = fromUnixTimestamp64Micro({micros:Int64}, 'UTC') LIMIT 1",
            {"key": key, "micros": micros},
        )
        if not rows:
            raise StoreError("An event was deleted during the copy. Run the command again.")
        return str(rows[0][0])

    # Writing

    def adapted(self, events: Iterable[CopiedEvent], notes: Counter[str]) -> Iterator[CopiedEvent]:
        first, last = micros_of(FIRST), micros_of(LAST)
        for event in events:
            if first <= event.micros < last:
                yield event
            else:
                notes["were left out, because ClickHouse stores the years 1900 to 2299"] += 1

    def add(self, events: Sequence[CopiedEvent], notes: Counter[str]) -> int:
        rest = missing(self, events)
        count = len(rest)
        if rest:
            self._insert(rest, f"copy-{_digest(rest)}")
            # ClickHouse drops rows silently if their token was used before, such as for rows that
            # were deleted since.
            if rest := missing(self, rest):
                self._insert(rest, f"copy-{uuid4().hex}")
        return count

    def _insert(self, events: Sequence[CopiedEvent], token: str) -> None:
        self._table.server.insert(
            self._table.name,
            WRITTEN,
            [_values(event, token) for event in events],
            {**SETTINGS, "insert_deduplication_token": token},
        )

    def commit(self) -> None:
        pass

    def close(self) -> None:
        pass


def require_table(table: ClickHouseTable) -> None:
    """Raise ``StoreError`` if the table does not exist, or its columns are of another release."""
    try:
        problems = [*table.problems()]
    except OperationalError as error:
        raise StoreError(f"ClickHouse cannot be used: {error}") from error
    if problems:
        raise StoreError(" ".join(problems))


def _event(uid: str, micros: int, values: Sequence[Any], document: str) -> CopiedEvent:
    *head, is_request, ip, status, own_keys = values
    rest = (*head, bool(is_request), ip, status, own_keys, document)
    return CopiedEvent._make((uid.replace("-", ""), micros, *rest))


def _values(event: CopiedEvent, batch: str) -> tuple[Any, ...]:
    """Return the values of ``WRITTEN``."""
    uid = UUID(event.uid)
    return (
        key_of(uid),
        uid,
        event.micros,
        event.action,
        event.user_id,
        event.user_repr,
        event.user_state,
        content_type_id(event.model) if event.model else None,
        event.model,
        event.object_id,
        event.object_repr,
        event.is_request,
        event.ip,
        event.status,
        event.own_keys,
        batch,
        event.extra,
    )


def _digest(events: Sequence[CopiedEvent]) -> str:
    return sha256("".join(event.uid for event in events).encode()).hexdigest()[:32]
