from collections.abc import Sequence

from ..models import Log
from ..records import Record
from ..signals import event_logged
from .base import BaseBackend

outbox: list[Log] = []
"""The events of this process, oldest first, as ``Log`` objects that were not saved."""


class LocMemBackend(BaseBackend):
    """Keeps events in ``eventlog.backends.locmem.outbox``, for a project's own tests."""

    def write(self, records: Sequence[Record]) -> Sequence[Log]:
        rows = [Log.from_record(record) for record in records]
        outbox.extend(rows)
        for row in rows:
            event_logged.send_robust(sender=Log, event=row)
        return rows
