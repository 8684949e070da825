"""Export formats, streamed in constant memory."""

import csv
import json
from codecs import BOM_UTF8
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Generic, NamedTuple, TypeVar

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse

from ...metadata.fields import export_columns
from ...models import Log
from ...models.relations import with_relations
from ...records.user_state import UserState
from ..extra_loading import full_size, load_full_extra
from ..pagination import SCAN_LIMIT, SCAN_LIMIT_FACTOR, Cursor, page
from ..search.plan import QueryPlan

Chunks = Iterator[Sequence[Log]]
Piece = TypeVar("Piece", str, bytes)

CHUNK_EVENTS = 1000
CHUNK_BYTES = 4 * 2**20  # of ``extra`` documents that are too large to load with their events
FACTS = export_columns()
COLUMNS = (
    "time",
    "user",
    "user_state",
    "action",
    "object_type",
    "object_key",
    "object",
    *FACTS,
    "extra",
)
_USER_STATES: dict[int | None, str] = {state: state.name.lower() for state in UserState}
# The starts of a formula in a spreadsheet (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "=", "+", "-", "@")


def chunks(events: QuerySet[Log], plan: QueryPlan) -> Chunks:
    """Yield the events, newest first, in chunks that are bounded in rows and bytes.

    Each chunk is a query of its own, so a slow download keeps no transaction or cursor open.
    """
    events = with_relations(events, "user", "content_type")
    cursor: Cursor | None = None
    while True:
        some = page(
            events, plan, CHUNK_EVENTS, older=cursor, scan_limit=SCAN_LIMIT * SCAN_LIMIT_FACTOR
        )
        cursor, waiting = some.older or some.scanned_until, deque(some.events)
        del some  # the last reference, so that exported events are freed
        yield from with_full_extra(waiting)
        if cursor is None:
            return


def with_full_extra(waiting: deque[Log]) -> Chunks:
    """Remove the events, and yield them with all of ``extra`` in chunks bounded in bytes."""
    while waiting:
        yield load_full_extra(take_chunk(waiting))


def take_chunk(waiting: deque[Log]) -> list[Log]:
    """Remove and return the next events, up to CHUNK_BYTES of large documents."""
    taken = [waiting.popleft()]
    size = full_size(taken[0])
    while waiting and (size := size + full_size(waiting[0])) <= CHUNK_BYTES:
        taken.append(waiting.popleft())
    return taken


class AsyncPieces(Generic[Piece]):
    """An asynchronous iterator, because Django buffers all of a plain one under ASGI."""

    def __init__(self, pieces: Generator[Piece]) -> None:
        self._pieces: Generator[Piece] = pieces

    async def __aiter__(self) -> AsyncIterator[Piece]:
        pull = sync_to_async(lambda: next(self._pieces, None))
        while (piece := await pull()) is not None:
            yield piece

    def close(self) -> None:
        """End the file. Django calls this with the response's ``close()``, in the same thread."""
        self._pieces.close()


def values(event: Log) -> dict[str, Any]:
    """Return the values of an event by column."""
    facts = event.facts
    kind = event.content_type
    return {
        "time": event.timestamp.isoformat(),
        "user": event.user_name if event.user_id is not None or event.user_repr else "",
        "user_state": _USER_STATES.get(event.user_state, ""),
        "action": event.action,
        "object_type": "" if kind is None else f"{kind.app_label}.{kind.model}",
        "object_key": event.object_id or "",
        "object": event.object_name,
        **{name: facts.get(name, "") for name in FACTS},
        "extra": event.extra,
    }


class _Echo:
    """A file for csv.writer that returns each line."""

    def write(self, line: str) -> str:
        return line


def as_text(value: Any) -> str:
    """Return text as it is and other values as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # "replace", because JSON may have lone surrogates, which UTF-8 cannot encode.
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
    """Yield one JSON document for each line."""
    for chunk in rows:
        yield "".join(as_text(values(event)) + "\n" for event in chunk).encode()


def as_parquet(rows: Chunks) -> Iterator[bytes]:
    """Yield a Parquet file."""
    # Imported on first use, because PyArrow takes tens of megabytes.
    found: Iterator[bytes] = import_module(".parquet", __package__).as_parquet(rows)
    return found


class Format(NamedTuple):
    """A content type and its writer."""

    content_type: str
    write: Callable[[Chunks], Iterator[bytes]]


FORMATS = {
    "csv": Format("text/csv; charset=utf-8", as_csv),
    "jsonl": Format("application/x-ndjson", as_jsonl),
}
if find_spec("pyarrow") is not None:
    FORMATS["parquet"] = Format("application/vnd.apache.parquet", as_parquet)


def response(request: HttpRequest, kind: str, pieces: Generator[bytes]) -> StreamingHttpResponse:
    """Return a response that streams the pieces as a file of this format."""
    return StreamingHttpResponse(
        AsyncPieces(pieces) if isinstance(request, ASGIRequest) else pieces,
        content_type=FORMATS[kind].content_type,
        headers={"Content-Disposition": f'attachment; filename="events.{kind}"'},
    )
