"""The connections of the thread that delivers: nobody else's, and none is open at a fork."""

from contextlib import suppress

from django.core import mail
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper


class OwnConnections:
    """To be used by the thread. They stay open from round to round as ``CONN_MAX_AGE`` says.

    They lie outside the site's pools: the children of a fork would share what is in a pool, and
    requests would have to wait for what is taken out of it.
    """

    def __init__(self) -> None:
        self._all: list[BaseDatabaseWrapper] = []

    def prepare(self) -> None:
        """Before a round: a test run, or a site of many tenants, changes what is in DATABASES."""
        found = []
        for alias in connections:
            try:
                connection = connections[alias]
            except Exception:  # noqa: BLE001, S112 (its driver is not here; who needs it will say so)
                continue
            shared = connections.settings[alias]  # by all threads
            options = shared.get("OPTIONS") or {}
            own = {
                **shared,
                "OPTIONS": {name: value for name, value in options.items() if name != "pool"},
                # A server may have closed one between two rounds; to ask costs one round trip.
                "CONN_HEALTH_CHECKS": True,
            }
            if hasattr(mail, "outbox"):  # in a test run, which drops its databases at the end
                own["CONN_MAX_AGE"] = 0
            if connection.settings_dict != own:
                connection.close()
                connection.settings_dict = own
            found.append(connection)
        self._all = found

    def release(self) -> None:
        """After a round, what Django does after a request."""
        for connection in self._all:
            if connection.vendor == "sqlite":  # costs nothing to open, and a child much if it is
                connection.close()
            else:
                connection.close_if_unusable_or_obsolete()

    def close(self) -> None:
        """From whichever thread, while no round is under way."""
        for connection in self._all:
            # Not by Django's close(), which refuses where an event loop runs.
            opened, connection.connection = connection.connection, None
            if opened is not None:
                with suppress(Exception):  # it may be lost already
                    opened.close()
