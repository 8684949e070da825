"""Reading and writing of one Parquet file of an archive; needs PyArrow."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .copy_store import StoreError
from .event import CopiedEvent, micros_of

# Rows that are compressed together, and the bytes of ``extra`` among them.
GROUP_ROWS = 20_000
GROUP_BYTES = 16 * 2**20
MICROSECONDS = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        pa.field("uid", pa.string(), nullable=False),
        pa.field("timestamp", MICROSECONDS, nullable=False),
        pa.field("action", pa.string(), nullable=False),
        ("user_id", pa.string()),
        pa.field("user_repr", pa.string(), nullable=False),
        ("user_state", pa.int16()),
        pa.field("model", pa.string(), nullable=False),
        ("object_id", pa.string()),
        pa.field("object_repr", pa.string(), nullable=False),
        pa.field("is_request", pa.bool_(), nullable=False),
        ("ip", pa.string()),
        ("status", pa.int32()),
        ("own_keys", pa.string()),
        pa.field("extra", pa.string(), nullable=False),
    ]
)
# The order of the rows, which readers use to skip parts of a file.
_SORTED = [pq.SortingColumn(SCHEMA.get_field_index("timestamp"))]
_TIME = SCHEMA.get_field_index("timestamp")


class ParquetWriter:
    """A file that is being written; the memory is bounded by one row group."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._writer = pq.ParquetWriter(
            self._file,
            SCHEMA,
            compression="zstd",
            sorting_columns=_SORTED,
            write_page_checksum=True,
        )
        self._waiting: list[CopiedEvent] = []
        self._size = 0

    def write(self, events: Iterable[CopiedEvent]) -> None:
        """Add events, which are in the order of time."""
        for event in events:
            self._waiting.append(event)
            self._size += len(event.extra)
            if len(self._waiting) >= GROUP_ROWS or self._size >= GROUP_BYTES:
                self._write_group()

    def _write_group(self) -> None:
        if not self._waiting:
            return
        uids, times, *others = zip(*self._waiting, strict=True)
        values: list[Sequence[Any]] = [[str(UUID(uid)) for uid in uids], times, *others]
        arrays = [
            pa.array(column, pa.int64()).cast(MICROSECONDS)
            if number == _TIME
            else pa.array(column, SCHEMA.field(number).type)
            for number, column in enumerate(values)
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA), GROUP_ROWS)
        self._waiting, self._size = [], 0

    def close(self) -> None:
        """Write the rest, and wait until the disk has the file."""
        self._write_group()
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def abort(self) -> None:
        """Close the file, which is not complete, unless it is closed already."""
        self._waiting = []
        for each in (self._writer, self._file):
            with suppress(OSError):  # the disk may be full
                each.close()


class ParquetReader:
    """A complete file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _naming(path):
            self._file = pq.ParquetFile(path, page_checksum_verification=True)
            if self._file.schema_arrow.names[: len(SCHEMA)] != SCHEMA.names:
                raise pa.ArrowInvalid("it has other columns")
        self._last: tuple[int, Any] | None = None

    def _groups(self, start: int, end: int) -> Iterator[int]:
        """Yield the row groups that have times from ``start`` on and before ``end``."""
        metadata = self._file.metadata
        for number in range(metadata.num_row_groups):
            found = metadata.row_group(number).column(_TIME).statistics
            is_known = found is not None and found.has_min_max  # unlike in a file without rows
            if not is_known or (micros_of(found.min) < end and micros_of(found.max) >= start):
                yield number

    def hours(self, start: datetime, end: datetime) -> dict[datetime, int]:
        """Return the number of events of each hour."""
        found: dict[datetime, int] = {}
        for number in self._groups(micros_of(start), micros_of(end)):
            times = self._group(number, ["timestamp"])["timestamp"]
            hours = pc.floor_temporal(
                times.filter(pc.and_(pc.greater_equal(times, start), pc.less(times, end))),
                unit="hour",
            )
            for item in pc.value_counts(hours).to_pylist():
                hour = item["values"].astimezone(UTC)
                found[hour] = found.get(hour, 0) + item["counts"]
        return dict(sorted(found.items()))

    def read(self, start: datetime, end: datetime) -> Iterator[CopiedEvent]:
        """Yield the events from ``start`` on and before ``end``."""
        for number in self._groups(micros_of(start), micros_of(end)):
            table = self._table(number)
            times = table["timestamp"]
            span = pc.and_(pc.greater_equal(times, start), pc.less(times, end))
            yield from _events(table.filter(span))

    def all(self) -> Iterator[CopiedEvent]:
        """Yield all events."""
        for number in range(self._file.metadata.num_row_groups):
            yield from _events(self._table(number))

    def _table(self, number: int) -> "pa.Table":
        # Kept for the next call, because a row group may have the events of many hours.
        if self._last is None or self._last[0] != number:
            self._last = None
            self._last = number, self._group(number, SCHEMA.names)
        return self._last[1]

    def _group(self, number: int, columns: Sequence[str]) -> "pa.Table":
        with _naming(self._path):
            return self._file.read_row_group(number, columns=columns)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Raise ``StoreError`` with the name of a file that is damaged."""
    try:
        yield
    except (pa.ArrowException, OSError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise StoreError(
            f"The file {path} cannot be read: {reason}. Restore it from a backup. If the source "
            f"still has all of its events, delete the file and copy its month again."
        ) from error


def _events(table: "pa.Table") -> Iterator[CopiedEvent]:
    # In slices, because Python objects take several times the memory of the columns.
    for batch in table.to_batches(max_chunksize=1000):
        uids, _, *others = (column.to_pylist() for column in batch.columns)
        times = batch.column(_TIME).cast(pa.int64()).to_pylist()
        yield from map(CopiedEvent, (uid.replace("-", "") for uid in uids), times, *others)
