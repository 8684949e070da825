"""Filters of changes: ``changed:NAME``, and the hints about names and values of changes."""

from collections.abc import Sequence

from django.apps import apps
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.lookups import IsNull
from django.utils.translation import gettext as _

from ... import formats
from ...changes import KEY as CHANGES
from ...models import Log
from ...models.expressions import Text
from .condition import Condition, Hint
from .name_sources import current_name_source
from .spelling import nearest_spelling
from .tree import Term

MAX_NEWEST_EVENTS = 1000  # that are asked for a field that no model has


def changed(value: str) -> Condition:
    """Find events that changed a field, such as ``changed:price``."""
    condition = Q(IsNull(Text(CHANGES, value), False))
    return Condition(condition, hint=_unknown_field(value, condition))


def _unknown_field(name: str, condition: Q) -> Hint | None:
    """Return the remark that no field has this name; None if one has it, or may have it."""
    known = {
        field.name
        for model in apps.get_models()
        for field in (*model._meta.concrete_fields, *model._meta.many_to_many)
    }
    # Another store would have to read all its events.
    if name in known or current_name_source() is not None or _is_among_newest(condition):
        return None
    text = _(
        "No model has the field %(name)r, and none of the newest %(count)s events has changed it. "
        "Capital and small letters are different."
    )
    text %= {"name": name, "count": formats.number(MAX_NEWEST_EVENTS)}
    near = nearest_spelling(name, sorted(known))
    return Hint(text, Term("changed", near) if near else None)


def _is_among_newest(condition: Q) -> bool:
    has_it = ExpressionWrapper(condition, output_field=BooleanField())
    newest = Log.objects.order_by("-timestamp").annotate(_has_it=has_it)
    return any(newest.values_list("_has_it", flat=True)[:MAX_NEWEST_EVENTS])


def hint_about_changed_values(keys: Sequence[str]) -> Hint | None:
    """Return the remark that a value in ``extra`` is an old or a new value of a field."""
    if len(keys) < 2 or keys[0] != CHANGES:
        return None
    text = _(
        "The old and the new values of changes cannot be searched in every database. "
        "changed: finds the events that changed a field."
    )
    return Hint(text, Term("changed", keys[1]))
