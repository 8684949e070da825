"""A file of JSON lines with names of the Elastic Common Schema (ECS)."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from .ecs import ecs_document
from .event import Event
from .target import Target


class FileTarget(Target):
    """Append events to a file, which a log shipper or ``logrotate`` may move at any time.

    ``path``: the file; it is created for its owner only. ``fsync``: flush each batch to the disk.
    """

    def __init__(self, *, path: str | os.PathLike[str], fsync: bool = False) -> None:
        if not isinstance(path, str | os.PathLike) or not str(path):
            raise ValueError(f"path is {path!r}; give the path of a file")
        if not isinstance(fsync, bool):
            raise ValueError(f"fsync is {fsync!r}; give True or False")
        self._path = Path(path)
        self._fsync = fsync

    def send(self, events: Sequence[Event]) -> str:
        lines = "".join(json.dumps(ecs_document(event)) + "\n" for event in events)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        file = os.open(self._path, flags, 0o600)
        try:
            size = os.fstat(file).st_size
            # A process that was killed may have left an incomplete line.
            is_torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
            data = (b"\n" if is_torn else b"") + lines.encode()
            try:
                while data:
                    data = data[os.write(file, data) :]
            except OSError:
                os.ftruncate(file, size)  # the whole batch is written again
                raise
            if self._fsync:
                os.fsync(file)
        finally:
            os.close(file)
        return f"wrote to {self._path}"
