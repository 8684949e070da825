"""Connection of the receivers, and of those for packages that the site has installed."""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import apps

from ...middleware.response_hooks import hooks
from . import accounts, logins, permissions, watched_views


def connect() -> None:
    """Connect all receivers. A second call changes nothing."""
    for signal, receiver, sender in _receivers():
        signal.connect(receiver, sender=sender)
    for integration in _integrations():
        watched_views.handlers.update(integration.VIEWS)
    hooks.add(watched_views.after_response)


def disconnect() -> None:
    """Undo ``connect()``, such as after a test."""
    for signal, receiver, sender in _receivers():
        signal.disconnect(receiver, sender=sender)
    hooks.discard(watched_views.after_response)


def _receivers() -> Iterator[tuple[Any, Any, Any]]:
    for module in (logins, accounts, permissions, *_integrations()):
        yield from module.receivers()


def _integrations() -> Iterator[Any]:
    for name, is_used in (
        ("allauth", apps.is_installed("allauth.account")),
        ("axes", apps.is_installed("axes")),
        ("simplejwt", _uses_simplejwt()),
    ):
        if is_used:
            yield import_module(f".{name}", __package__)


def _uses_simplejwt() -> bool:
    # Its documentation lists the package as an app only for translations and the blacklist.
    installed = apps.is_installed("rest_framework")
    return installed and find_spec("rest_framework_simplejwt") is not None
