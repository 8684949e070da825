"""Events as a Parquet file, for those who count elsewhere; needs PyArrow (extra ``parquet``)."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..moments import aware
from .export import COLUMNS, Chunks, as_text, values

INT32 = range(-(2**31), 2**31)
LONGEST_MS = 2**53  # beyond it, a double is not exact
# Each chunk becomes a row group; what is not named here is text.
TYPES = {
    "time": pa.timestamp("us", tz="UTC"),
    "status": pa.int32(),
    "duration_ms": pa.float64(),
}
SCHEMA = pa.schema([(name, TYPES.get(name, pa.string())) for name in COLUMNS])


class _Sink:
    """What PyArrow writes the file to, from which it is sent on bit by bit."""

    closed = False

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._written = 0

    def write(self, data: bytes) -> int:
        self._waiting.append(bytes(data))
        self._written += len(data)
        return len(data)

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        taken = b"".join(self._waiting)
        self._waiting.clear()
        return taken


def _column(name: str, cells: Sequence[Any]) -> "pa.Array":
    """Null where there is nothing, or what is there is not of the column's type."""
    if name == "status":
        fits = [type(cell) is int and cell in INT32 for cell in cells]
    elif name == "duration_ms":
        fits = [type(cell) in (int, float) and abs(cell) < LONGEST_MS for cell in cells]
    else:
        fits = [cell not in (None, "") for cell in cells]
        if name != "time":
            cells = [as_text(cell) for cell in cells]
    kept = [cell if fit else None for cell, fit in zip(cells, fits, strict=True)]
    return pa.array(kept, SCHEMA.field(name).type)


def as_parquet(rows: Chunks) -> Iterator[bytes]:
    sink = _Sink()
    with pq.ParquetWriter(sink, SCHEMA) as writer:
        for chunk in rows:
            cells = [values(event) | {"time": aware(event.timestamp)} for event in chunk]
            columns = [_column(name, [row[name] for row in cells]) for name in COLUMNS]
            writer.write_table(pa.table(columns, schema=SCHEMA))
            yield sink.take()
    yield sink.take()
