"""``event.obj``: the object of an event, or None if no object has its key any more."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import connections, models

from ..records.arguments import object_key
from .many_keys import MAX_INTEGER_KEY
from .relations import content_types, rows_in_own_database


class ObjectField(GenericForeignKey):
    """A GenericForeignKey that stores any primary key as text, even one that no longer fits."""

    def contribute_to_class(self, cls: Any, name: str, **kwargs: Any) -> None:  # type: ignore[override]
        super().contribute_to_class(cls, name, **kwargs)
        setattr(cls, self.attname, _Descriptor(self))


class _Descriptor:
    """The descriptor of an ``ObjectField``, which converts keys to the model's primary key."""

    def __init__(self, field: ObjectField) -> None:
        self.field = field

    def __get__(self, event: Any, owner: type | None = None) -> Any:
        if event is None:
            return self
        unknown = object()
        found = self.field.get_cached_value(event, default=unknown)
        if found is unknown or (found is not None and not _is_object_of(event, found)):
            mode = getattr(event._state, "fetch_mode", None)  # Django 6.1
            if mode is None:
                self.fetch_one(event)
            else:
                mode.fetch(self, event)
        return self.field.get_cached_value(event, default=None)

    def __set__(self, event: Any, obj: models.Model | None) -> None:
        key = None if obj is None else object_key(obj)
        event.content_type = (
            None if obj is None else content_types(event._state.db).get_for_model(obj)
        )
        event.object_id = None if key is None else str(key)
        self.field.set_cached_value(event, obj)

    def is_cached(self, event: Any) -> bool:
        return self.field.is_cached(event)

    def fetch_one(self, event: Any) -> None:
        """Load the object of one event. Django 6.1 calls this."""
        found, key_of_object, key_of_event, *_ = self.get_prefetch_querysets([event])
        by_key = {key_of_object(obj): obj for obj in found}
        self.field.set_cached_value(event, by_key.get(key_of_event(event)))

    def fetch_many(self, events: Iterable[Any]) -> None:
        """Load the objects of many events. Django 6.1 calls this."""
        missing = [event for event in events if not self.is_cached(event)]
        models.prefetch_related_objects(missing, self.field.name)

    def get_prefetch_querysets(
        self, events: Sequence[Any], querysets: Iterable[models.QuerySet[Any]] | None = None
    ) -> tuple[Any, ...]:
        """Return the objects, by one query for each content type, and functions to match them."""
        own = {_concrete(queryset.model): queryset for queryset in querysets or ()}
        kinds = {event.content_type_id for event in events} - {None}
        model_of = {kind: _model(kind, events[0]._state.db) for kind in kinds}
        texts: dict[type[models.Model], set[str]] = defaultdict(set)
        for event in events:
            if (model := model_of.get(event.content_type_id)) and event.object_id is not None:
                texts[model].add(str(event.object_id))
        found: list[models.Model] = []
        keys: dict[tuple[Any, str], Any] = {}  # model and primary key, by model and text
        for model, some in texts.items():
            queryset = own.get(model, rows_in_own_database(model, events[0]))
            values = _fitting(model, some, queryset.db)
            keys |= {(model, text): (model, value) for text, value in values.items()}
            found += queryset.filter(pk__in=[*{*values.values()}]) if values else ()
        return (
            found,
            lambda obj: (_concrete(type(obj)), obj.pk),
            lambda event: keys.get((model_of.get(event.content_type_id), str(event.object_id))),
            True,  # one object for each event
            self.field.name,
            False,  # a cache, not a descriptor
        )


def _is_object_of(event: Any, obj: models.Model) -> bool:
    kind = content_types(event._state.db).get_for_model(obj)
    return (kind.pk, str(object_key(obj))) == (event.content_type_id, str(event.object_id))


def _concrete(model: type[models.Model]) -> type[models.Model]:
    return model._meta.concrete_model or model


def _model(content_type_id: int, using: str | None) -> type[models.Model] | None:
    """Return the model of a content type; None if it was removed or swapped."""
    try:
        model = content_types(using).get_for_id(content_type_id).model_class()
    except ContentType.DoesNotExist:
        return None
    return None if model is None or model._meta.swapped else _concrete(model)


def _fitting(model: type[models.Model], texts: Collection[str], using: str) -> dict[str, Any]:
    """Return the keys converted to the primary key of ``model``, without keys that do not fit."""
    values = {}
    for text in texts:
        try:
            value: Any = model._meta.pk.to_python(text)
            value = tuple(value) if isinstance(value, list) else value
            if _fits(model._meta.pk, value, using):
                values[text] = value
        except Exception:  # noqa: BLE001, S112 (a site's own field may raise anything)
            continue
    return values


def _fits(field: Any, value: Any, using: str) -> bool:
    """Return whether a query may contain ``value``; raise the errors of the field."""
    if isinstance(value, tuple):
        return all(_fits(part, item, using) for part, item in zip(field, value, strict=True))
    field.get_db_prep_value(value, connections[using])
    return value is not None and not (isinstance(value, int) and abs(value) >= MAX_INTEGER_KEY)
