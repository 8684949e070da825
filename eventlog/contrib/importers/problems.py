"""Reasons why rows were not imported, or not completely, each with an example."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

MAX_REASONS = 50  # of each kind
OTHER_REASON = "another reason"


class Count(NamedTuple):
    """The number of rows that have a problem, and the key of the first of them."""

    number: int
    example: str


Counts = dict[str, Count]


class SkipRow(Exception):  # noqa: N818 (the import goes on)
    """The row cannot be imported, for the reason in the message."""


class Problems:
    """The problems of the rows of a table, counted by reason."""

    def __init__(self, skipped: Counts, notes: Counts) -> None:
        self.skipped = skipped
        """Rows that were not imported."""
        self.notes = notes
        """Rows that were imported without some of their values."""

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the problems of earlier batches."""
        skipped, notes = (
            {reason: Count(*count) for reason, count in stored.get(kind, {}).items()}
            for kind in ("skipped", "notes")
        )
        return cls(skipped, notes)

    def to_json(self) -> dict[str, Any]:
        """Return the problems for the column of ``ImportedTable``."""
        return {"skipped": self.skipped, "notes": self.notes}

    def skip(self, reason: str, key: Any) -> None:
        """Count a row that is not imported."""
        _count(self.skipped, reason, key)

    def note(self, reason: str, key: Any) -> None:
        """Count a row that is imported without some of its values."""
        _count(self.notes, reason, key)

    @property
    def skipped_rows(self) -> int:
        return sum(count.number for count in self.skipped.values())

    def lines(self) -> Iterable[str]:
        """Yield the lines of the report."""
        yield from _lines("Not imported", self.skipped)
        yield from _lines("Imported with a restriction", self.notes)


def _count(counts: Counts, reason: str, key: Any) -> None:
    if reason not in counts and len(counts) >= MAX_REASONS:
        reason = OTHER_REASON
    known = counts.get(reason)
    counts[reason] = Count(known.number + 1, known.example) if known else Count(1, str(key))


def _lines(title: str, counts: Counts) -> Iterable[str]:
    for reason, (number, example) in sorted(counts.items(), key=lambda each: -each[1].number):
        rows = "1 row" if number == 1 else f"{number:,} rows"
        yield f"{title}: {rows}, {reason} (such as {example})"
