"""The models that are tracked, and what is recorded of each."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, JSONField, Model

from ...conf import Misconfigured
from ...records.arguments import checked_action, name_in_actions

CREATED, UPDATED, DELETED = KINDS = ("CREATED", "UPDATED", "DELETED")
OPTIONS = ("fields", "exclude", "actions", "fixtures")
_DJANGO_FIELDS = "django.db.models."


class Tracking:
    """One tracked model. See ``track()`` for the arguments."""

    def __init__(
        self,
        model: type[Model],
        fields: Collection[str] | None = None,
        exclude: Collection[str] = (),
        actions: Mapping[str, str] | None = None,
        fixtures: bool = False,
    ) -> None:
        self.model = _checked_model(model)
        self.fixtures = _checked_fixtures(fixtures)
        self._actions = _checked_actions({} if actions is None else actions)
        meta = self.model._meta
        known = [field.name for field in _fields(self.model)]
        names = _checked_names(self.model, known if fields is None else fields)
        names -= _checked_names(self.model, exclude)
        self.columns: dict[str, Field[Any, Any]] = {
            field.attname: field for field in meta.concrete_fields if field.name in names
        }
        self.relations = [field for field in meta.many_to_many if field.name in names]
        self.key = [field.attname for field in meta.pk_fields]
        self.has_documents = any(map(_may_be_document, self.columns.values()))
        self.automatic = {
            name for name, field in self.columns.items() if getattr(field, "auto_now", False)
        }

    def action(self, kind: str) -> str:
        """Return the action of ``kind``, which is one of ``KINDS``."""
        return self._actions.get(kind) or f"{kind}_{name_in_actions(self.model)}"

    def saved(self, names: Collection[str] | None) -> Sequence[str]:
        """Return the tracked columns that ``save(update_fields=names)`` saves."""
        if names is None:
            return [*self.columns]
        return [
            attname
            for attname, field in self.columns.items()
            if attname in names or field.name in names
        ]


_tracked: dict[type[Model], Tracking] = {}  # by model; proxies have entries of their own


def tracking_of(model: type[Model]) -> Tracking | None:
    """Return what is recorded of ``model``; None if it is not tracked."""
    return _tracked.get(model)


def nearest_tracking(model: type[Model]) -> Tracking | None:
    """Return what is recorded of ``model``, or of the nearest model that it inherits from."""
    return next(filter(None, map(_tracked.get, model.__mro__)), None)


def tracked_children(model: type[Model]) -> Iterator[tuple[type[Model], str]]:
    """Yield the tracked models that inherit from ``model``, each with its column of the key."""
    for child in _tracked:
        if child._meta.concrete_model is child and model in child._meta.all_parents:
            link: Any = child._meta.get_ancestor_link(model)
            yield child, link.attname


def set_tracking(model: type[Model], tracking: Tracking | None) -> None:
    """Set what is recorded of ``model``; None for nothing."""
    if tracking is None:
        _tracked.pop(model, None)
    else:
        _tracked[model] = tracking


def _fields(model: type[Model]) -> list[Any]:
    """Return the fields that can be recorded: not the key, and none that the database computes."""
    meta = model._meta
    columns = [
        field
        for field in meta.concrete_fields
        if field not in meta.pk_fields
        and not getattr(field, "generated", False)
        and not field.primary_key  # of a parent, which is the key of the child too
        and not (field.remote_field and getattr(field.remote_field, "parent_link", False))
    ]
    return [*columns, *meta.many_to_many]


def _may_be_document(field: "Field[Any, Any]") -> bool:
    """Return whether values of a field may be lists and dicts, which can be changed in place."""
    is_own = not type(field).__module__.startswith(_DJANGO_FIELDS)
    return is_own or isinstance(field, JSONField)


def _checked_model(model: Any) -> type[Model]:
    if not isinstance(model, type) or not issubclass(model, Model):
        raise Misconfigured(f"{model!r:.100} is not a model.", "Give its class.", "eventlog.E031")
    if model._meta.abstract:
        raise Misconfigured(
            f"{model.__name__} is abstract.", "Track the models that inherit it.", "eventlog.E031"
        )
    if model._meta.app_label == "eventlog":
        raise Misconfigured(
            f"{model.__name__} is a model of eventlog.",
            "Do not track it, because each event would cause another one.",
            "eventlog.E031",
        )
    return model._meta.concrete_model or model


def _checked_names(model: type[Model], names: Any) -> set[str]:
    if not isinstance(names, Collection) or isinstance(names, str | bytes):
        kind = "a text" if isinstance(names, str) else "not a list"
        raise Misconfigured(
            f"{names!r:.100} is {kind}.", "Give a list of the names of fields.", "eventlog.E032"
        )
    known = [field.name for field in _fields(model)]
    for name in names:
        if name in known:
            continue
        try:
            model._meta.get_field(name)
            problem = f"the field {name!r} of {model._meta.label} cannot be recorded."
        except (FieldDoesNotExist, TypeError):  # TypeError is raised for a list
            problem = f"{model._meta.label} has no field {name!r}."
        near = get_close_matches(str(name), known, 1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Use: {', '.join(known)}."
        raise Misconfigured(problem, hint, "eventlog.E032")
    return set(names)


def _checked_fixtures(fixtures: Any) -> bool:
    if not isinstance(fixtures, bool):
        raise Misconfigured(
            f"fixtures is {fixtures!r:.100}.", "Set it to True or False.", "eventlog.E033"
        )
    return fixtures


def _checked_actions(actions: Any) -> Mapping[str, str]:
    if not isinstance(actions, Mapping):
        raise Misconfigured(
            f"actions is {actions!r:.100}.",
            "Give a dict such as {'CREATED': 'ORDER_PLACED'}.",
            "eventlog.E033",
        )
    for kind, action in actions.items():
        if kind not in KINDS:
            raise Misconfigured(
                f"actions has the key {kind!r}.", f"Use: {', '.join(KINDS)}.", "eventlog.E033"
            )
        try:
            checked_action(action)
        except (TypeError, ValueError) as error:
            raise Misconfigured(
                f"actions has a wrong value under {kind!r}.", f"{error}.", "eventlog.E033"
            ) from error
    return dict(actions)
