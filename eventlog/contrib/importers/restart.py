"""Forgetting the position in a table, so that its rows are imported again."""

from django.core.management.base import CommandError
from django.db.models.lookups import Exact

from ...models import Log
from ...models.expressions import Text
from .event import IMPORTED
from .importing import stored_state
from .table import Table


def restart(table: Table, using: str) -> None:
    """Forget the position. Raise ``CommandError`` if events of the table exist."""
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
