"""The table of positions: how far each table of another package was imported."""

from typing import ClassVar

from django.db import models


class ImportedTable(models.Model):
    """The position in a table whose rows become events.

    It changes in the transaction that writes the events of a batch, so that a process that was
    killed neither loses nor repeats a row.
    """

    name = models.CharField(primary_key=True, max_length=200)
    # JSON of the order of the last row, see Table.order. Empty before the first row.
    position = models.TextField(blank=True, default="")
    since = models.DateTimeField(null=True, blank=True)
    rows = models.BigIntegerField(default=0)
    events = models.BigIntegerField(default=0)
    problems = models.JSONField(default=dict, blank=True)  # see Problems.to_json()
    started = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    objects: ClassVar[models.Manager["ImportedTable"]] = models.Manager()

    def __str__(self) -> str:
        return self.name
