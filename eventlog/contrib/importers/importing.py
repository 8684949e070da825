"""The import of one table: pages of rows, converted, and written with their position."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet
from django.utils import timezone

from ...datetimes import to_db_timezone
from ...records.record import Record
from .event import IMPORTED, Origin, record_of
from .models import ImportedTable
from .positions import state_name, stored_state
from .problems import Problems, SkipRow
from .table import ConversionContext, Position, Row, SourceTable
from .writing import Rejected, write_with_position

# A transaction may commit a row with a lower key later, so the newest rows wait for the next run.
SETTLING = timedelta(minutes=1)
FIRST_PAGE = 50  # rows
MAX_PAGE_CHARACTERS = 4_000_000  # in the texts of a page, beyond which pages become smaller
NO_TIME = "it has no time"


class AlreadyMovedError(Exception):
    """Another process has imported the rows of this page."""


class ImportedPage(NamedTuple):
    """The rows of a page that was imported."""

    rows: int
    events: int


class TableImport:
    """The import of a table into the database ``using``."""

    def __init__(
        self, table: SourceTable, context: ConversionContext, using: str, batch: int
    ) -> None:
        self.table = table
        self._context = context
        self._using = using
        self._batch = batch
        stored = stored_state(table, using)
        self.is_new = stored is None
        """True if nothing of the table was imported yet."""
        self.state = stored or ImportedTable(name=state_name(table, using))
        self.problems = Problems.from_json(self.state.problems)
        self.actions: Counter[str] = Counter()
        """The number of events by action."""

    def begin(self, since: datetime | None) -> None:
        """Store the position of a new import, which leaves out rows before ``since``."""
        if self.is_new:
            stored = ImportedTable.objects.using(self._using)
            name = self.state.name
            self.state, self.is_new = stored.get_or_create(name=name, defaults={"since": since})

    def choose(self, since: datetime | None, *, final: bool) -> "QuerySet[Any]":
        """Return the rows that can be imported now, including those that are imported.

        ``final`` includes the newest rows.
        """
        table, rows = self.table, self.table.rows()
        if not final:
            now = timezone.now()
            recent = {
                f"{table.timestamp}__gt": to_db_timezone(now - SETTLING),
                f"{table.timestamp}__lte": to_db_timezone(now),
            }
            # A row with a time in the future has a wrong clock, and must not hold up the import.
            if newest := table.page(rows.filter(**recent), None, 1):
                position = table.position_of(newest[0])
                rows = rows.filter(table.beyond(position, backwards=True))
        return rows if since is None else rows.filter(**{f"{table.timestamp}__gte": since})

    def remaining(self, rows: "QuerySet[Any]") -> int:
        """Return the number of rows after the position."""
        position = self._position()
        return (
            rows.count() if position is None else rows.filter(self.table.beyond(position)).count()
        )

    def run(
        self, rows: "QuerySet[Any]", before_writing: Callable[[], None] | None
    ) -> Iterator[ImportedPage]:
        """Import the rows after the position, page by page; only convert them if given None.

        Raise ``AlreadyMovedError`` if another process imports the same table.
        """
        position, size = self._position(), FIRST_PAGE
        while page := self.table.page(rows, position, min(size, self._batch)):
            records = self._convert(page)
            self.actions.update(record.action for record in records)
            position = self.table.position_of(page[-1])
            if before_writing is None:
                self.state.rows += len(page)
                self.state.events += len(records)
                yield ImportedPage(len(page), len(records))
            else:
                before_writing()
                yield self._write(page, records, position)
            size = _next_size(page, records)

    def _position(self) -> Position | None:
        return self.table.from_text(self.state.position)

    def _convert(self, page: Sequence[Row]) -> list[Record]:
        self.table.prepare(page, self._context)
        records: list[Record] = []
        for row in page:
            key = self.table.key_of(row)
            try:
                records += self._records(row, Origin(self.table.name, key))
            except SkipRow as reason:
                self.problems.skip(str(reason), key)
            except (InterfaceError, OperationalError):
                raise  # The row is not at fault, and the next run imports it.
            except Exception as error:  # noqa: BLE001 (fields and models of the site may raise any)
                self.problems.skip(f"{type(error).__name__}: {error}"[:200], key)
        return records

    def _records(self, row: Row, origin: Origin) -> list[Record]:
        if self.table.time_of(row) is None:
            raise SkipRow(NO_TIME)
        events = self.table.events(row, self._context, self.problems)
        return [record_of(event, origin, self.problems) for event in events]

    def _write(
        self, page: Sequence[Row], records: list[Record], position: Position
    ) -> ImportedPage:
        before, known = self.state.position, self.problems.to_json()
        values: dict[str, Any] = {
            "position": self.table.to_text(position),
            "rows": self.state.rows + len(page),
            "updated": timezone.now(),
        }

        def move(rejected: Sequence[Rejected]) -> None:
            problems = Problems.from_json(known)
            for record, error in rejected:
                origin = record.extra_value()[IMPORTED]["pk"]
                problems.skip(f"the database refused it, {type(error).__name__}", origin)
            values["events"] = self.state.events + len(records) - len(rejected)
            values["problems"] = problems.to_json()
            # The old position is part of the condition, so that only one of two processes succeeds.
            stored = ImportedTable.objects.using(self._using)
            if not stored.filter(pk=self.state.pk, position=before).update(**values):
                raise AlreadyMovedError(self.table.name)

        rejected = write_with_position(records, move, self._using)
        if rejected:
            self._context.users.forget()  # An account may have been deleted since.
        for name, value in values.items():
            setattr(self.state, name, value)
        self.problems = Problems.from_json(self.state.problems)
        return ImportedPage(len(page), len(records) - len(rejected))


def _next_size(page: Sequence[Row], records: Sequence[Record]) -> int:
    """Return the number of rows of the next page, fewer if the rows are large."""
    characters = sum(len(record.extra) for record in records)
    characters += sum(
        len(value) for row in page for value in row.values() if isinstance(value, str)
    )
    return max(1, min(4 * len(page), len(page) * MAX_PAGE_CHARACTERS // max(characters, 1)))
