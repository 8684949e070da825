"""Changes of groups and permissions, from the signals of many-to-many fields.

A change can be made from either end, such as ``user.groups.add(group)`` and
``group.user_set.add(user)``. Both are recorded as an event of the account.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db.models.signals import m2m_changed

from .recording import actor, record, reporting_errors

FIELDS = ("groups", "user_permissions")


@reporting_errors
def permissions_changed(
    sender: Any,
    instance: Any,
    action: str,
    reverse: bool,
    model: Any,
    pk_set: Collection[Any] | None,
    using: str,
    **kwargs: Any,
) -> None:
    if action == "pre_add" or kwargs.get("raw"):  # a fixture, which Django 6.1 and later mark
        return
    held = f"_eventlog_removed_{sender.__name__}"
    if action in ("pre_remove", "pre_clear"):
        # After a removal, the signal has the keys that the caller passed, related or not.
        vars(instance)[held] = _related(sender, instance, reverse, pk_set, using)
        return
    keys = pk_set if action == "post_add" else vars(instance).pop(held, None)
    if not keys:
        return
    name = f"{_fields()[sender].name}_{'added' if action == 'post_add' else 'removed'}"
    others = model._base_manager.using(using).filter(pk__in=keys).order_by("pk")
    if not reverse:
        record("permissions_changed", user=actor(), obj=instance, extra={name: _names(others)})
        return
    itself = _names(type(instance)._base_manager.using(using).filter(pk=instance.pk))
    for other in others:
        record("permissions_changed", user=actor(), obj=other, extra={name: itself})


def _related(
    through: Any, instance: Any, reverse: bool, keys: Collection[Any] | None, using: str
) -> list[Any]:
    """Return the keys among ``keys``, or of all, that are related to ``instance`` now."""
    field = _fields()[through]
    ends = [field.m2m_field_name(), field.m2m_reverse_field_name()]
    own, other = reversed(ends) if reverse else ends
    rows = through._base_manager.using(using).filter(**{own: instance.pk})
    if keys is not None:
        rows = rows.filter(**{f"{other}__in": keys})
    return list(rows.values_list(other, flat=True))


def _names(rows: Any) -> list[str]:
    if issubclass(rows.model, Permission):
        pairs = rows.values_list("content_type__app_label", "codename")
        return [f"{app_label}.{codename}" for app_label, codename in pairs]
    return [str(row) for row in rows]


def _fields() -> Mapping[Any, Any]:
    """Return the watched fields by their intermediate models."""
    of_users = [field for field in get_user_model()._meta.many_to_many if field.name in FIELDS]
    fields: list[Any] = [*of_users, Group._meta.get_field("permissions")]
    return {field.remote_field.through: field for field in fields}


def receivers() -> Iterable[tuple[Any, Any, Any]]:
    """Return (signal, receiver, sender) of each connection."""
    return [(m2m_changed, permissions_changed, through) for through in _fields()]
