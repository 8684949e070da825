"""Protection of events from migrations that are undone and whose columns cannot hold them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

from django.core.management.base import CommandError
from django.db import connections
from django.db.models import Q, QuerySet
from django.db.models.functions import Length

from . import Log

MAX_INTEGER = 2**31 - 1
MAX_PINAX_ACTION_LENGTH = 50  # characters, in pinax-eventlog's column


def unfit_keys(using: str) -> QuerySet[Log]:
    """Return the events whose ``object_id`` is not a whole number that an integer column holds."""
    fits = Q(object_id__regex=r"^(0|[1-9][0-9]{0,8})$") | Q(
        object_id__regex=r"^[1-2][0-9]{9}$", object_id__lte=str(MAX_INTEGER)
    )
    return Log.objects.using(using).filter(object_id__isnull=False).exclude(fits)


def long_actions(using: str) -> QuerySet[Log]:
    """Return the events whose action is longer than pinax-eventlog's column."""
    longer: QuerySet[Log] = (
        Log.objects.using(using)
        .annotate(length=Length("action"))
        .filter(length__gt=MAX_PINAX_ACTION_LENGTH)
    )
    return longer


def large_ids(using: str) -> QuerySet[Log]:
    """Return the events whose ``id`` is too large for an integer column."""
    return Log.objects.using(using).filter(pk__gt=MAX_INTEGER)


def refuse_loss(migrations: Iterable[str], using: str) -> None:
    """Raise ``CommandError`` if an event does not fit the columns before these migrations."""
    migrations = set(migrations)
    if _has_table(using) and (found := list(_unfit(migrations, using))):
        raise CommandError(
            f"These migrations of eventlog cannot be undone, and nothing was changed: "
            f"{'; '.join(found)}. Change or delete these events first. "
            f"eventlog.models.reversal has querysets of them."
        )


def _unfit(migrations: set[str], using: str) -> Iterator[str]:
    if "0003_any_object_and_names" in migrations:
        if keys := _count(unfit_keys(using), "object_id"):
            yield f"{keys} an object_id that is not a whole number up to {MAX_INTEGER}"
        if actions := _count(long_actions(using), "action"):
            yield f"{actions} an action of more than {MAX_PINAX_ACTION_LENGTH} characters"
    if "0002_alter_log_id" in migrations and (ids := _count(large_ids(using), "id")):
        yield f"{ids} an id above {MAX_INTEGER}"


def _count(events: QuerySet[Log], column: str) -> str:
    """Return how many events there are with one example, or nothing if there are none."""
    if not (count := events.order_by().count()):
        return ""
    example = events.order_by("pk").values_list(column, flat=True)[0]
    return f"{count} {'event has' if count == 1 else 'events have'} (such as {example!r:.80})"


def _has_table(using: str) -> bool:
    connection = connections[using]
    with connection.cursor() as cursor:
        return Log._meta.db_table in connection.introspection.table_names(cursor)


def before_migrate(
    plan: Sequence[tuple[Any, bool]],
    using: str,
    verbosity: int = 1,
    stdout: TextIO | None = None,
    **_kwargs: Any,
) -> None:
    """Check the migrations that ``migrate`` is about to undo, before it changes anything."""
    undone = [
        migration.name
        for migration, backwards in plan
        if backwards and migration.app_label == "eventlog"
    ]
    refuse_loss(undone, using)
    if "0003_any_object_and_names" in undone and verbosity and stdout and _has_table(using):
        named = Log.objects.using(using).exclude(user_repr="", object_repr="").order_by().count()
        if named:
            noun = "1 event loses" if named == 1 else f"{named} events lose"
            stdout.write(f"  {noun} the names of user and object.")


def refuse_0003(apps: Any, schema_editor: Any) -> None:
    """Refuse to undo migration 0003 where migrations run without the command."""
    refuse_loss(["0003_any_object_and_names"], schema_editor.connection.alias)
