"""The table of delivered batches."""

from django.db import models
from django.utils import timezone


class DeliveredBatch(models.Model):
    """A batch of events whose rows are in the database, so that it is not written again."""

    id = models.CharField(primary_key=True, max_length=100)
    count = models.PositiveIntegerField()
    written = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return self.id
