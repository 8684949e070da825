"""The small files of a queue: its position and results, and the number of dropped events."""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ...backends.spool import files, locks

MAX_DROPPED_BYTES = 200  # of the file with the number of dropped events


@dataclass
class SendingState:
    """The position of a target, and the results of the last attempts."""

    segment: str = ""  # id of the segment of which ``lines`` were sent
    lines: int = 0
    sent: int = 0  # events, since the queue exists
    sent_at: float = 0.0  # the time of the last success
    failures: int = 0  # attempts since the last success
    error: str = ""  # of the last attempt; empty after a success
    retry_at: float = 0.0  # the time before which no process tries again

    @classmethod
    def read(cls, path: Path) -> "SendingState":
        """Return the stored state; a new one if there is none."""
        try:
            return cls(**json.loads(path.read_bytes()))
        except (FileNotFoundError, TypeError, ValueError):
            return cls()

    def write(self, path: Path) -> None:
        """Store the state, so that it survives the end of the process."""
        files.put(path, json.dumps(asdict(self)).encode())


def count_dropped(path: Path, events: int) -> None:
    """Add to the number of dropped events. Several processes may count at once."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        locks.wait_for(file)
        total = _number(os.pread(file, MAX_DROPPED_BYTES, 0)) + events
        # The number only gets longer, so one write replaces all of it.
        os.pwrite(file, b"%d\n" % total, 0)
    finally:
        files.unlock(file)


def read_dropped(path: Path) -> int:
    """Return the number of dropped events."""
    with suppress(FileNotFoundError):
        return _number(path.read_bytes())
    return 0


def _number(text: bytes) -> int:
    return int(text) if text.strip().isdigit() else 0
