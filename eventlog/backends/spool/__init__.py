"""Segments of events on local disk, as JSON lines that any tool can read.

Each process appends to its own file for each database that it logs to, and holds a lock on the
file. The kernel releases the lock when the process ends, even if it is killed. A file whose lock
can be acquired is complete. Appended lines are in the page cache at once, so a killed process loses
none. A power cut may lose lines unless ``fsync`` is set.

============  =================================================================================
``.jsonl``    events that wait; a process that holds the lock still appends to the file
``.inflight`` events that a broker has, until their rows are in the database
``.dead``     lines that no database accepts, each with the reason
============  =================================================================================

A file is named ``{batch id}.{destination}.{state}``. See ``destinations`` for the middle part.
"""

from .segment import Rejected, Segment
from .segment_directory import Status
from .spool import Spool, SpoolFull

__all__ = ["Rejected", "Segment", "Spool", "SpoolFull", "Status"]
