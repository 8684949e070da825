"""The receiver of changes of many-to-many relations, from either side.

The old value is the list of the keys that were removed, and the new value of those that were added.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.db.models import Model

from ...changes import Pair, masked_differences
from . import recording
from .tracking import UPDATED, Tracking, nearest_tracking, tracked_children


class RelationReceiver:
    """Records the changes of one many-to-many field of a tracked model."""

    def __init__(self, tracking: Tracking, field: Any) -> None:
        self.tracking = tracking
        self.field = field

    def __call__(
        self,
        instance: Model,
        action: str,
        reverse: bool,
        model: type[Model],
        pk_set: Collection[Any] | None,
        using: str,
        **kwargs: Any,
    ) -> None:
        # Before a removal, because Django does not say which of the keys were related.
        if action not in ("post_add", "pre_remove", "pre_clear"):
            return
        if (
            not self._is_sent_for_field(instance, model, reverse)
            or not recording.are_changes_recorded()
        ):
            return
        is_added = action == "post_add"
        keys = pk_set if is_added else self._related(instance, reverse, pk_set, using)
        if keys:
            owners = self._owners(keys, using) if reverse else [instance]
            values = [self._value(instance)] if reverse else [*keys]
            changes = masked_differences([(self.field.name, _pair(values, is_added))])
            events = [(owner, changes) for owner in owners]
            recording.record(UPDATED, self.tracking, events)

    def _is_sent_for_field(self, instance: Model, model: type[Model], reverse: bool) -> bool:
        """Return whether the signal is about this field; several may share their table."""
        if reverse:
            return issubclass(self.tracking.model, model._meta.concrete_model or model)
        # A tracked model that inherits from a tracked model has a receiver of its own.
        return nearest_tracking(type(instance)) is self.tracking

    def _related(
        self, instance: Model, reverse: bool, keys: Collection[Any] | None, using: str
    ) -> Collection[Any]:
        """Return the keys that are related to ``instance``; only those among ``keys`` if given."""
        through = self.field.remote_field.through
        names = self.field.m2m_field_name(), self.field.m2m_reverse_field_name()
        here, there = reversed(names) if reverse else names
        rows = through._base_manager.using(using).filter(**{here: instance})
        if keys is not None:
            rows = rows.filter(**{f"{there}__in": keys})
        return set(rows.values_list(through._meta.get_field(there).attname, flat=True))

    def _value(self, related: Model) -> Any:
        """Return the value by which rows of the relation refer to an object, mostly its key."""
        return getattr(related, self._referred(self.field.m2m_reverse_field_name()).attname)

    def _owners(self, keys: Collection[Any], using: str) -> Iterable[Model]:
        name = self._referred(self.field.m2m_field_name()).name
        owners = self.tracking.model._base_manager.using(using)
        for child, link in tracked_children(self.tracking.model):
            owners = owners.exclude(pk__in=child._base_manager.using(using).values(link))
        return owners.filter(**{f"{name}__in": keys}).order_by("pk")

    def _referred(self, name: str) -> Any:
        """Return the field to which a foreign key of the relation's table refers."""
        return self.field.remote_field.through._meta.get_field(name).target_field


def _pair(keys: Sequence[Any], is_added: bool) -> Pair:
    keys = sorted(keys, key=str) if any(isinstance(key, str) for key in keys) else sorted(keys)
    return ([], keys) if is_added else (keys, [])


def relation_receivers(tracking: Tracking) -> Iterable[tuple[Any, RelationReceiver]]:
    """Yield a receiver for each relation, with the model of its table, which sends the signal."""
    for field in tracking.relations:
        yield field.remote_field.through, RelationReceiver(tracking, field)
