"""The objects of imported events: models by content type, and the actions named after them."""

from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

from ...models.relations import content_types
from ...records.arguments import MAX_TEXT_LENGTH, name_in_actions
from ..model_changes.tracking import KINDS, tracking_of
from .event import ImportedObject

NAMELESS = "OBJECT"  # in the actions of rows whose model is not known


class Kind:
    """A kind of object: its model, if the model still exists, and its name."""

    def __init__(self, label: str | None, model: type[Model] | None, name: str) -> None:
        self.label = label
        self.model = model
        self._name = name

    def action(self, kind: str) -> str:
        """Return the action of ``kind``, such as ``UPDATED_ORDER``, as the site names it."""
        tracking = tracking_of(self.model) if self.model is not None and kind in KINDS else None
        return tracking.action(kind) if tracking else f"{kind}_{self._name}"

    def obj(self, key: Any, name: str) -> ImportedObject:
        """Return the object with this primary key."""
        if key is None or key == "":
            return ImportedObject(self.label, None, name)
        plain = key if isinstance(key, int) else str(key)
        return ImportedObject(self.label, plain, name)


UNKNOWN = Kind(None, None, NAMELESS)


def kind_of_model(model: type[Model]) -> Kind:
    """Return the kind of a model. Like content types, a proxy counts as its concrete model."""
    concrete = model._meta.concrete_model or model
    return Kind(concrete._meta.label_lower, concrete, name_in_actions(model))


class Kinds:
    """The kinds of objects in a database, by the key of their content type."""

    def __init__(self, using: str) -> None:
        self._using = using
        self._known: dict[Any, Kind] = {None: UNKNOWN}

    def by_key(self, key: Any) -> Kind:
        """Return the kind with this content type; ``UNKNOWN`` if it was deleted."""
        if key not in self._known:
            self._known[key] = self._load(key)
        return self._known[key]

    def _load(self, key: Any) -> Kind:
        try:
            found = content_types(self._using).get_for_id(key)
        except ContentType.DoesNotExist:
            return UNKNOWN
        model = found.model_class()
        if model is not None:
            return kind_of_model(model)
        name = found.model.upper()[:MAX_TEXT_LENGTH]
        return Kind(f"{found.app_label}.{found.model}", None, name)
