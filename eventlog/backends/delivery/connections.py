"""Database connections of the delivery thread."""

from contextlib import suppress
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import load_backend


class PrivateConnections:
    """Connections of one thread, kept between rounds for ``CONN_MAX_AGE`` seconds.

    They do not come from the site's pools. Forked children would share a connection of a pool, and
    this thread would take a connection that a request needs.
    """

    def __init__(self) -> None:
        self._connections: dict[str, BaseDatabaseWrapper] = {}

    def prepare(self) -> None:
        """Set the connections of the current thread, with the current settings."""
        for alias in connections:
            settings = self._settings(alias)
            own = self._connections.get(alias)
            if own is not None and _comparable(own.settings_dict) == _comparable(settings):
                continue
            if own is not None:
                own.close()
            try:
                wrapper = load_backend(settings["ENGINE"]).DatabaseWrapper(settings, alias)
            except Exception:  # noqa: BLE001, S112 (a missing driver is reported when it is used)
                continue
            connections[alias] = self._connections[alias] = wrapper

    def _settings(self, alias: str) -> dict[str, Any]:
        shared = connections.settings[alias]
        options = shared.get("OPTIONS") or {}
        return {
            **shared,
            "OPTIONS": {name: value for name, value in options.items() if name != "pool"},
            # The server may close a connection between two rounds. A check costs one round trip.
            "CONN_HEALTH_CHECKS": True,
        }

    def release(self) -> None:
        """Close unusable and old connections, as Django does after a request."""
        for connection in self._connections.values():
            if connection.vendor == "sqlite":  # cheap to open, and unusable after a fork
                connection.close()
            else:
                connection.close_if_unusable_or_obsolete()

    def close(self) -> None:
        """Close the connections from any thread, while no round runs."""
        for connection in self._connections.values():
            # Django's close() raises an error in a thread with a running event loop.
            opened, connection.connection = connection.connection, None
            if opened is not None:
                with suppress(Exception):  # it may be lost already
                    opened.close()


def _comparable(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings without the key that tenant packages change."""
    return {name: value for name, value in settings.items() if name != "SCHEMA"}
