"""Dead letters: lines that no database accepts, each with the reason."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from ...error_log import report
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
        """Return all dead letters, oldest first. A damaged file has one, with its name."""
        found: list[Rejected] = []
        for path in self._segments.paths(DEAD):
            try:
                found += _read(path)
            except (OSError, ValueError) as error:
                found.append(Rejected(path.name, f"This file cannot be read: {error}"))
        return found

    def retry(self) -> int:
        """Move the dead letters back to waiting segments; return the number of events.

        A damaged file is reported, and stays as it is.
        """
        count = 0
        for path in self._segments.paths(DEAD):
            try:
                if (lock := files.lock(path)) is None:
                    continue
            except OSError as error:  # such as a file of another user
                report(f"opening {path.name} in the spool", error)
                continue
            try:
                lines = [line for line, _ in _read(path)]
                name = SegmentName.parse(path.name)
                # The new id derives from the old id. If the process is killed before unlink(), the
                # next try writes the same id, so each event is stored once.
                _put(self._segments.path(f"{name.id}r", name.destination, WAITING), lines)
                path.unlink()
                count += len(lines)
            except (OSError, ValueError) as error:
                report(f"reading {path.name} in the spool", error)
            finally:
                files.unlock(lock)
        return count


def _read(path: Path) -> list[Rejected]:
    """Return the dead letters in a file. Raise ``ValueError`` if any line is damaged."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        letter = json.loads(line)
        parts = letter.values() if isinstance(letter, dict) else ()
        if {*letter} != {*Rejected._fields} or not all(isinstance(part, str) for part in parts):
            raise ValueError(f"{line[:60]!r} is not a dead letter")
        found.append(Rejected(**letter))
    return found


def _put(path: Path, lines: Iterable[str]) -> None:
    files.put(path, "".join(line + "\n" for line in lines).encode())
