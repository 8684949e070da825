"""Events as files: streamed, so that any number of them takes the same memory."""

import csv
import json
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple, TypeVar

from asgiref.sync import sync_to_async
from django.db.models import QuerySet

from ..models import Log
from .nearest import Wanted
from .pages import LOOK, LOOK_FURTHER, Mark, page

Chunks = Iterator[Sequence[Log]]
Piece = TypeVar("Piece", str, bytes)

CHUNK = 2000  # events that are read at a time
FACTS = (
    "ip",
    "method",
    "path",
    "query",
    "status",
    "duration_ms",
    "browser",
    "os",
    "device_type",
    "request_id",
)
COLUMNS = ("time", "user", "action", "object_type", "object_key", "object", *FACTS, "extra")
# What a spreadsheet takes for the beginning of a formula (OWASP: CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "=", "+", "-", "@")


def chunks(events: QuerySet[Log], wanted: Wanted) -> Chunks:
    """All that was asked for, newest first. Each chunk is read by itself: no transaction, nor
    cursor, is open while a visitor's connection takes its time.
    """
    events = events.select_related("user", "content_type")
    mark: Mark | None = None
    while True:
        some = page(events, wanted, CHUNK, older=mark, look=LOOK * LOOK_FURTHER)
        if some.events:
            yield some.events
        mark = some.older or some.looked_back_to
        if mark is None:
            return


async def in_async(pieces: Iterator[Piece]) -> AsyncIterator[Piece]:
    """The same for ASGI, under which Django would put all of a plain iterator together first."""
    pull = sync_to_async(lambda: next(pieces, None))
    while (piece := await pull()) is not None:
        yield piece


def values(event: Log) -> dict[str, Any]:
    """An event as plain values, by the names of ``COLUMNS``."""
    facts = event.extra if isinstance(event.extra, dict) else {}
    kind = event.content_type
    return {
        "time": event.timestamp.isoformat(),
        "user": event.user_name,
        "action": event.action,
        "object_type": "" if kind is None else f"{kind.app_label}.{kind.model}",
        "object_key": event.object_id or "",
        "object": event.object_name,
        **{name: facts.get(name, "") for name in FACTS},
        "extra": event.extra,
    }


class _Echo:
    """What csv.writer writes to: it hands back the line."""

    def write(self, line: str) -> str:
        return line


def as_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # JSON may hold half of a pair of surrogates, which no encoding has.
    return text.encode("utf-8", "replace").decode()


def _cell(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = as_text(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def as_csv(rows: Chunks) -> Iterator[bytes]:
    """For spreadsheets: with a byte order mark, and no cell that could become a formula."""
    write = csv.writer(_Echo()).writerow
    yield BOM_UTF8 + write(COLUMNS).encode()
    for chunk in rows:
        lines = (write([_cell(value) for value in values(event).values()]) for event in chunk)
        yield "".join(lines).encode()


def as_jsonl(rows: Chunks) -> Iterator[bytes]:
    """One JSON document a line."""
    for chunk in rows:
        yield "".join(as_text(values(event)) + "\n" for event in chunk).encode()


def as_parquet(rows: Chunks) -> Iterator[bytes]:
    # Not imported before it is asked for: PyArrow takes tens of megabytes.
    found: Iterator[bytes] = import_module(".parquet", __package__).as_parquet(rows)
    return found


class Format(NamedTuple):
    content_type: str
    write: Callable[[Chunks], Iterator[bytes]]


FORMATS = {
    "csv": Format("text/csv; charset=utf-8", as_csv),
    "jsonl": Format("application/x-ndjson", as_jsonl),
}
if find_spec("pyarrow") is not None:
    FORMATS["parquet"] = Format("application/vnd.apache.parquet", as_parquet)
