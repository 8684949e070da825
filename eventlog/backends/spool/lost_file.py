"""The events of an open file that was removed, moved or replaced."""

import os
from pathlib import Path
from typing import NamedTuple

from ...error_log import logger, report
from . import files
from .segment import SegmentName


class Rescued(NamedTuple):
    """Numbers of events after a rescue."""

    in_file: int  # in the file that has the name now
    lost: int  # in no file


def rescue(file: int, path: Path, count: int) -> Rescued:
    """Save the events of an open file whose name is gone or belongs to another file.

    ``count``: the number of events that this process wrote to the file.
    """
    is_deleted = os.fstat(file).st_nlink == 0
    events = files.read_all(file)
    held = events.count(b"\n")  # fewer than count if the file was truncated
    try:
        replacement = _read(path)
    except OSError as error:  # such as a file of another user
        report(f"reading {path.name}, which was replaced in the spool,", error)
        return Rescued(count, 0)
    if replacement is not None:
        return _rescue_replaced(path, events, replacement, count)
    if not is_deleted:
        logger.error(
            "%s was moved out of the spool with %d events; move it back to deliver them",
            path,
            held,
        )
        return Rescued(0, count - held)
    # The new file has the same batch id, because another process may have written the batch.
    if not _put(path, events):
        return Rescued(0, count)
    logger.error(
        "%s was removed from the spool; its %d events were saved to a new file", path, held
    )
    return Rescued(held, count - held)


def _read(path: Path) -> bytes | None:
    """Return the content of the file that has the name now; None if the name is free."""
    try:
        return path.read_bytes() if path.is_file() or not path.exists() else b""
    except FileNotFoundError:
        return None


def _rescue_replaced(path: Path, events: bytes, replacement: bytes, count: int) -> Rescued:
    """Save the events that were written after another process had copied the file."""
    logger.error("%s was replaced in the spool; later events go to a new file", path)
    in_file = replacement.count(b"\n")
    saved = 0
    if events.startswith(replacement):  # otherwise the file was edited
        later = events[replacement.rfind(b"\n") + 1 :]
        name = SegmentName.parse(path.name)
        new = path.with_name(str(name._replace(id=f"{name.id}s")))
        saved = later.count(b"\n") if later and _put(new, later) else 0
    return Rescued(in_file, max(0, count - in_file - saved))


def _put(path: Path, events: bytes) -> bool:
    try:
        files.put(path, events)
    except OSError as error:  # such as a full disk
        report(f"saving the events of {path.name}", error)
        return False
    return True
