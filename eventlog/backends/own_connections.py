"""The connections of the thread that delivers: nobody else's, and none is open at a fork."""

from contextlib import suppress

from django.db import connections


class OwnConnections:
    """To be made by the thread. They stay open from round to round as ``CONN_MAX_AGE`` says.

    They lie outside the site's pools: the children of a fork would share what is in a pool, and
    requests would have to wait for what is taken out of it.
    """

    def __init__(self) -> None:
        self._all = list(connections.all())
        for connection in self._all:
            settings = connection.settings_dict  # which those of other threads share
            connection.settings_dict = {
                **settings,
                "OPTIONS": {
                    name: value for name, value in settings["OPTIONS"].items() if name != "pool"
                },
                # A server may have closed one between two rounds; to ask costs one round trip.
                "CONN_HEALTH_CHECKS": True,
            }

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
