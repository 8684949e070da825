"""Loading ``extra``: all of it if it is small, otherwise the facts of the request."""

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, QuerySet, TextField
from django.db.models.sql.compiler import SQLCompiler

from ..models import Log
from ..models.decoding import read_any_text

MAX_LISTED_BYTES = 16 * 1024  # a list loads all of a document up to this size
MAX_SHOWN_BYTES = 256 * 1024  # an event's page loads all of a document up to this size
MAX_INLINE_BYTES = 2048  # PostgreSQL stores larger documents outside the row
MAX_FACT_LENGTH = 2048  # characters of a fact that the database sends
# The maximum length, in characters, of each fact of a larger document.
MAX_FACT_LENGTHS = {
    "method": 32,
    "path": MAX_FACT_LENGTH,
    "status": 32,
    "duration_ms": 32,
    "ip": 64,
    "request_id": 255,
    "device_type": 32,
    "browser": 255,
    "os": 255,
    "ua": 512,
}
_COLUMNS = ", ".join(f"{name} text" for name in MAX_FACT_LENGTHS)
_CUT = ", ".join(f"LEFT({name}, {MAX_FACT_LENGTH})" for name in MAX_FACT_LENGTHS)
_PATHS = ", ".join(f"'$.{name}'" for name in MAX_FACT_LENGTHS)
_EXTRACTED = ", ".join(
    f"LEFT(JSON_UNQUOTE(JSON_EXTRACT({{extra}}, '$.{name}')), {MAX_FACT_LENGTH})"
    for name in MAX_FACT_LENGTHS
)
# A list of the facts as text. PostgreSQL and SQLite parse the document once for all facts.
_FACTS_OF = {
    "postgresql": f"""CASE WHEN JSONB_TYPEOF({{extra}}) = 'object' THEN (
        SELECT JSONB_BUILD_ARRAY({_CUT})::text FROM JSONB_TO_RECORD({{extra}})
        AS fact({_COLUMNS})
    ) ELSE '[]' END""",  # noqa: S608 (constants only)
    "sqlite": f"""(SELECT JSON_GROUP_ARRAY(SUBSTR(value, 1, {MAX_FACT_LENGTH}))
        FROM JSON_EACH(JSON_EXTRACT({{extra}}, {_PATHS})))""",  # noqa: S608
    "mysql": f"JSON_ARRAY({_EXTRACTED})",
}


class _Document(Func):
    """A document up to ``limit`` bytes as text, or the size and the facts of a larger one."""

    output_field = TextField()

    def __init__(self, limit: int | None) -> None:
        super().__init__(F("extra"))
        self.limit = limit

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> tuple[str, tuple[Any, ...]]:
        vendor = connection.vendor
        extra, _ = compiler.compile(self.source_expressions[0])
        text = f"({extra})::text" if vendor == "postgresql" else extra
        if self.limit is None:
            return text, ()
        size = f"LENGTH(CAST({extra} AS BLOB))" if vendor == "sqlite" else f"OCTET_LENGTH({text})"
        small = f"{size} <= {self.limit}"
        if vendor == "postgresql":
            # PG_COLUMN_SIZE, because it does not read the document from the TOAST table.
            stored = f"PG_COLUMN_SIZE({extra})"
            small = f"{stored} <= {MAX_INLINE_BYTES} OR ({stored} <= {self.limit} AND {small})"
        # "#" marks a cut document, because JSON never starts with it.
        parts = ["'#'", size, "' '", _FACTS_OF[vendor].format(extra=extra)]
        cut = f"CONCAT({', '.join(parts)})" if vendor == "mysql" else " || ".join(parts)
        return f"CASE WHEN {small} THEN {text} ELSE {cut} END", ()


def defer_large_extra(events: QuerySet[Log], limit: int | None = MAX_LISTED_BYTES) -> QuerySet[Log]:
    """Return events that load an ``extra`` of more than ``limit`` bytes in part; see fetch()."""
    return events.defer("extra").annotate(_document=_Document(limit))


def fetch(events: QuerySet[Log]) -> list[Log]:
    """Read the events of ``defer_large_extra()`` with ``extra`` set, so no template loads it."""
    found = read_any_text(lambda: list(events), events.db)
    for event in found:
        event.extra, event.full_size = _read(event.__dict__.pop("_document"))  # type: ignore[attr-defined]
    return found


def full_size(event: Log) -> int:
    """Return the size in bytes of an ``extra`` that was cut; 0 if it was not cut."""
    return getattr(event, "full_size", 0)


def _read(document: str) -> tuple[Any, int]:
    if not document.startswith("#"):
        return parse_extra(document), 0
    size, _, facts = document[1:].partition(" ")
    known: dict[str, Any] = {
        name: value[: MAX_FACT_LENGTHS[name]]
        for name, value in zip(
            MAX_FACT_LENGTHS, json.loads(facts), strict=False
        )  # an array has no facts
        if value is not None
    }
    for name, number in (("status", int), ("duration_ms", float)):
        with suppress(KeyError, ValueError):
            known[name] = number(known[name])
    return known, int(size)


def parse_extra(document: str) -> Any:
    """Return the parsed document; its text if Python cannot parse it."""
    try:
        return json.loads(document, cls=Log._meta.get_field("extra").decoder)
    except (ValueError, RecursionError):  # an integer of 5,000 digits, or 1,000 nested lists
        return document


def load_full_extra(events: Iterable[Log]) -> list[Log]:
    """Return the events of ``fetch()`` with all of ``extra``."""
    found = list(events)
    cut = {event.pk: event for event in found if full_size(event)}
    if cut:
        using = next(iter(cut.values()))._state.db
        near = Log.objects.using(using).around(event.timestamp for event in cut.values())
        rows: Any = defer_large_extra(near.filter(pk__in=cut), None).order_by()
        for pk, document in rows.values_list("pk", "_document"):
            cut[pk].extra = parse_extra(document)
    return found
