"""Sending signals for stored events."""

from collections.abc import Sequence

from django.db.models.signals import post_save

from ...models.event import Log
from ...signals import event_logged, notifying
from .insert import Stored


def has_receivers() -> bool:
    """Return whether a receiver needs the rows as objects."""
    return event_logged.has_listeners(Log) or post_save.has_listeners(Log)


def make_rows_and_send_post_save(stored: Sequence[Stored]) -> Sequence[Log]:
    """Return the rows as objects, and send ``post_save`` for each."""
    rows = [Log.from_record(record, pk) for record, pk in stored]
    # Sites that used pinax-eventlog may have receivers of post_save.
    if post_save.has_listeners(Log):
        with notifying():
            for row in _announced(rows, stored):
                post_save.send_robust(
                    sender=Log,
                    instance=row,
                    created=True,
                    raw=False,
                    using=row._state.db,
                    update_fields=None,
                )
    return rows


def send_event_logged(rows: Sequence[Log], stored: Sequence[Stored]) -> None:
    """Send ``event_logged`` for each row."""
    with notifying():
        for row in _announced(rows, stored):
            event_logged.send_robust(sender=Log, event=row)


async def asend_event_logged(rows: Sequence[Log], stored: Sequence[Stored]) -> None:
    """See send_event_logged()."""
    with notifying():
        for row in _announced(rows, stored):
            await event_logged.asend_robust(sender=Log, event=row)


def _announced(rows: Sequence[Log], stored: Sequence[Stored]) -> list[Log]:
    return [row for row, (record, _pk) in zip(rows, stored, strict=True) if record.is_announced]
