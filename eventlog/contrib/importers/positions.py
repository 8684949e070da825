"""The stored positions, which say how far each table was imported."""

from django.core.management.base import CommandError
from django.db.models.lookups import Exact

from ...models import Log
from ...models.expressions import Text
from .event import IMPORTED
from .models import ImportedTable
from .table import SourceTable


def state_name(table: SourceTable, using: str) -> str:
    """Return the name under which the position is stored."""
    return table.name if table.using == using else f"{table.name}@{table.using}"


def stored_state(table: SourceTable, using: str) -> ImportedTable | None:
    """Return the stored position of a table; None before the first import."""
    return ImportedTable.objects.using(using).filter(pk=state_name(table, using)).first()


def forget_position(table: SourceTable, using: str) -> None:
    """Forget the position, so that the table is imported again from its first row.

    Raise ``CommandError`` if events of the table exist.
    """
    state = stored_state(table, using)
    if state is None:
        return
    # A scan of the whole table, but only in a command that is rarely given.
    if Log.objects.using(using).filter(Exact(Text(IMPORTED, "from"), table.name)).exists():
        raise CommandError(
            f"Events of {table.name} exist, and would be imported a second time. Delete them "
            f"first: manage.py eventlog_prune 0d --search 'extra.{IMPORTED}.from:{table.name}'"
        )
    state.delete(using=using)
