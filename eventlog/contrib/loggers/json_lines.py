"""Events as lines of JSON, with the columns of the export."""

import json
from contextlib import suppress
from datetime import UTC

from django.utils import timezone

from ...models import Log
from ...records.record import Record
from ...review.export.formats import values


def json_line_of(record: Record) -> str:
    """Return the line that the export as JSON Lines has for the event, in ASCII.

    No query is needed, unlike for ``Log.from_record()`` with a model.
    """
    event = Log.from_record(record._replace(model=None))
    if timezone.is_aware(event.timestamp):
        with suppress(OverflowError):  # the first or last day that a datetime can have
            event.timestamp = event.timestamp.astimezone(UTC)
    # ASCII, because readers of lines may also split at characters such as U+2028.
    key = "" if record.object_id is None else str(record.object_id)
    line = {**values(event), "object_type": record.model or "", "object_key": key}
    return json.dumps(line)
