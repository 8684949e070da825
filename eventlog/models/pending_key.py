"""The table of foreign keys that are still to be filled in."""

from django.db import models

from ..records.arguments import MAX_TEXT_LENGTH


class PendingKey(models.Model):
    """The foreign keys of an event that did not exist or were locked when it was written.

    Without keys, only the hour of the event is still to be marked as stale.
    ``event_id`` has no constraint, so that events can be deleted without a query of this table.
    """

    event_id = models.BigIntegerField(primary_key=True)
    user_id = models.CharField(max_length=MAX_TEXT_LENGTH, blank=True, default="")
    model = models.CharField(max_length=MAX_TEXT_LENGTH, blank=True, default="")

    def __str__(self) -> str:
        return str(self.event_id)
