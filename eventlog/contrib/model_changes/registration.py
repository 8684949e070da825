"""``track()`` and ``untrack()``."""

from collections.abc import Collection, Mapping
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save

from .loaded_values import install
from .receivers import after_delete, after_save, before_save
from .relations import RelationReceiver, relation_receivers
from .tracking import Tracking, set_tracking, tracking_of

APP = "eventlog.contrib.model_changes"
_RECEIVERS = ((pre_save, before_save), (post_save, after_save), (post_delete, after_delete))

_pending: list[tuple[type[Model], dict[str, Any]]] = []


def track(
    model: type[Model],
    *,
    fields: Collection[str] | None = None,
    exclude: Collection[str] = (),
    actions: Mapping[str, str] | None = None,
    fixtures: bool = False,
) -> None:
    """Record an event for each change of the objects of ``model`` and its proxies.

    ``fields`` are the fields to record, all by default, and ``exclude`` the fields to leave out.
    ``actions`` replaces the actions, such as ``{"CREATED": "ORDER_PLACED"}``. ``fixtures`` includes
    the objects that ``loaddata`` saves.
    """
    if not apps.is_installed(APP):
        raise ImproperlyConfigured(f"track() needs {APP!r} in INSTALLED_APPS.")
    options: dict[str, Any] = {
        "fields": fields,
        "exclude": exclude,
        "actions": actions,
        "fixtures": fixtures,
    }
    if apps.models_ready:
        _connect(Tracking(model, **options))
    else:
        _pending.append((model, options))


def connect_pending() -> None:
    """Connect the models that were tracked before all models were loaded."""
    while _pending:
        model, options = _pending.pop(0)
        _connect(Tracking(model, **options))


def untrack(model: type[Model]) -> None:
    """Stop recording the changes of ``model`` and its proxies."""
    tracking = tracking_of(model._meta.concrete_model or model)
    if tracking is None:
        return
    for sender in _senders(tracking.model):
        set_tracking(sender, None)
        for signal, receiver in _RECEIVERS:
            signal.disconnect(receiver, sender=sender)
    for through, relation in relation_receivers(tracking):
        m2m_changed.disconnect(sender=through, dispatch_uid=_uid(relation))


def _connect(tracking: Tracking) -> None:
    untrack(tracking.model)
    install(tracking.model)
    for sender in _senders(tracking.model):
        set_tracking(sender, tracking)
        for signal, receiver in _RECEIVERS:
            signal.connect(receiver, sender=sender)
    for through, relation in relation_receivers(tracking):
        m2m_changed.connect(relation, sender=through, weak=False, dispatch_uid=_uid(relation))


def _senders(model: type[Model]) -> list[type[Model]]:
    """Return ``model`` and its proxies, because Django sends their signals with the proxy."""
    return [each for each in apps.get_models() if each._meta.concrete_model is model]


def _uid(receiver: RelationReceiver) -> str:
    return f"eventlog.{receiver.tracking.model._meta.label_lower}.{receiver.field.name}"
