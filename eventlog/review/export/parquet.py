"""Export to Parquet; needs PyArrow (``pip install django-request-eventlog[parquet]``)."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...datetimes import aware
from .formats import COLUMNS, FACTS, Chunks, as_text, values

INT32 = range(-(2**31), 2**31)
MAX_EXACT_MS = 2**53  # larger numbers are not exact in a double
TYPES = {"text": pa.string(), "int32": pa.int32(), "float64": pa.float64()}
# Other columns are text.
COLUMN_TYPES = {"time": pa.timestamp("us", tz="UTC")} | {
    name: TYPES[column] for name, column in FACTS.items()
}
SCHEMA = pa.schema([(name, COLUMN_TYPES.get(name, pa.string())) for name in COLUMNS])


class _Sink:
    """A file that PyArrow writes to and that is read in pieces."""

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
        """Return the bytes since the last call."""
        taken = b"".join(self._waiting)
        self._waiting.clear()
        return taken


def _column(name: str, cells: Sequence[Any]) -> "pa.Array":
    """Return a column, with null for values that are empty or of another type."""
    column = FACTS.get(name, "text")
    if column == "int32":
        fits = [type(cell) is int and cell in INT32 for cell in cells]
    elif column == "float64":
        fits = [type(cell) in (int, float) and abs(cell) < MAX_EXACT_MS for cell in cells]
    else:
        fits = [cell not in (None, "") for cell in cells]
        if name != "time":
            cells = [as_text(cell) for cell in cells]
    kept = [cell if fit else None for cell, fit in zip(cells, fits, strict=True)]
    return pa.array(kept, SCHEMA.field(name).type)


def as_parquet(rows: Chunks) -> Iterator[bytes]:
    """Yield a Parquet file with one row group for each chunk."""
    sink = _Sink()
    with pq.ParquetWriter(sink, SCHEMA) as writer:
        for chunk in rows:
            cells = [values(event) | {"time": aware(event.timestamp)} for event in chunk]
            columns = [_column(name, [row[name] for row in cells]) for name in COLUMNS]
            writer.write_table(pa.table(columns, schema=SCHEMA))
            yield sink.take()
    yield sink.take()
