"""Dead letters: lines that no database accepts, each with the reason."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from . import files
from .segment import DEAD, WAITING, Rejected, SegmentName
from .segment_directory import SegmentDirectory


class DeadLetters:
    """The dead letters of a spool, in a file for each batch."""

    def __init__(self, segments: SegmentDirectory) -> None:
        self._segments = segments

    def add(self, batch_id: str, destination: str, rejected: Sequence[Rejected]) -> None:
        """Store the rejected lines of a batch."""
        lines = (json.dumps(line._asdict()) for line in rejected)
        _put(self._segments.path(batch_id, destination, DEAD), lines)

    def read(self) -> list[Rejected]:
        """Return all dead letters, oldest first."""
        return [
            Rejected(**json.loads(line))
            for path in self._segments.paths(DEAD)
            for line in path.read_text(encoding="utf-8").splitlines()
        ]

    def retry(self) -> int:
        """Move the dead letters back to waiting segments; return the number of events."""
        count = 0
        for path in self._segments.paths(DEAD):
            if (lock := files.lock(path)) is None:
                continue
            try:
                lines = [json.loads(line)["line"] for line in path.read_text().splitlines()]
                name = SegmentName.parse(path.name)
                # The new id derives from the old id. If the process is killed before unlink(), the
                # next try writes the same id, so each event is stored once.
                _put(self._segments.path(f"{name.id}r", name.destination, WAITING), lines)
                path.unlink()
                count += len(lines)
            finally:
                files.unlock(lock)
        return count


def _put(path: Path, lines: Iterable[str]) -> None:
    files.put(path, "".join(line + "\n" for line in lines).encode())
