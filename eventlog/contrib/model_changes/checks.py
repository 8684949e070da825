"""``EVENTLOG["MODEL_CHANGES"]``: its models are tracked, and wrong entries are reported."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error
from django.db.models import Model

from ...conf import Misconfigured, conf
from .registration import track
from .tracking import OPTIONS, Tracking


def track_models_of_setting() -> None:
    """Track the models of the setting without its wrong entries, which the check reports."""
    for label, options in _entries():
        try:
            track(_model(label), **_checked_options(options))
        except Misconfigured:
            continue


def check_model_changes(**kwargs: Any) -> list[CheckMessage]:
    """Return a message for each wrong entry of the setting."""
    return [*_messages()]


def _messages() -> Iterator[CheckMessage]:
    for label, options in _entries():
        try:
            Tracking(_model(label), **_checked_options(options))
        except Misconfigured as error:
            where = f"EVENTLOG['MODEL_CHANGES'][{label!r}]: "
            yield Error(where + error.message, hint=error.hint, id=error.check_id)


def _entries() -> list[tuple[str, Any]]:
    found = conf.model_changes  # of another type, about which the core has a check
    return [*found.items()] if isinstance(found, Mapping) else []


def _model(label: str) -> type[Model]:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError, AttributeError, TypeError):
        known = [model._meta.label_lower for model in apps.get_models()]
        near = get_close_matches(str(label).lower(), known, 1)
        raise Misconfigured(
            f"no installed app has the model {label!r}.",
            f"Did you mean {near[0]!r}?" if near else "Write 'app_label.model'.",
            "eventlog.E031",
        ) from None


def _checked_options(options: Any) -> Mapping[str, Any]:
    if not isinstance(options, Mapping):
        raise Misconfigured(
            f"the value is {options!r:.100}.",
            "Set it to a dict of options, such as {'exclude': ['notes']} or {}.",
            "eventlog.E033",
        )
    for name in options:
        if name not in OPTIONS:
            raise Misconfigured(
                f"unknown option {name!r}.", f"Use: {', '.join(OPTIONS)}.", "eventlog.E033"
            )
    return options
