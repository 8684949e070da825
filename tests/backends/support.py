"""Helpers of several test modules."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections

from eventlog.backends import destinations
from eventlog.models import Log

needs_server = pytest.mark.skipif(
    connection.vendor == "sqlite", reason="a SQLite database in memory belongs to one thread"
)
postgresql_only = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="a property of PostgreSQL"
)
mysql_only = pytest.mark.skipif(connection.vendor != "mysql", reason="a property of MySQL")

TEXT = {"text": "x" * 300}  # so that 3,000 events are about a megabyte


def actions():
    return list(Log.objects.order_by("id").values_list("action", flat=True))


def files(spool, pattern="*"):
    return sorted(spool.directory.glob(pattern))


def here():
    """Return the destination of the events that this test logs."""
    return destinations.current("default")


def in_thread(function):
    """Return the result of a function that runs in another thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def closing(function):
    """Return the function of a thread that closes the thread's connections at its end."""

    def run():
        try:
            return function()
        finally:
            connections.close_all()

    return run


class Clock:
    """The time in a thread that gets the GIL back ``late`` seconds after each sleep."""

    def __init__(self, late=0.0):
        self.late = late
        self.now = 0.0
        self.rests = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.rests.append(seconds)
        self.now += seconds + self.late
