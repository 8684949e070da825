from contextlib import contextmanager

import pytest
from django.core.management import call_command
from django.db import connection

from eventlog.backends import get_backend


@contextmanager
def copy_of_database():
    """Connect to a copy of the test database until the end of the block."""
    name = connection.settings_dict["NAME"]
    own = f"{name}_partitions"
    connection.close()
    with connection._nodb_cursor() as cursor:
        # A thread of an earlier test may still be connected.
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        cursor.execute(f"DROP DATABASE IF EXISTS {own}")
        cursor.execute(f"CREATE DATABASE {own} TEMPLATE {name}")
    connection.settings_dict["NAME"] = own
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE {own} WITH (FORCE)")


@pytest.fixture
def database(django_db_setup, django_db_blocker):
    """Let the test commit in a copy of the test database."""
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL has these partitions")
    with django_db_blocker.unblock(), copy_of_database():
        yield


@pytest.fixture(scope="module")
def partitioned(django_db_setup, django_db_blocker):
    """Partition the table of events in a copy of the test database, for all tests of a module."""
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL has these partitions")
    with django_db_blocker.unblock(), copy_of_database():
        call_command("eventlog_partition", "--apply", verbosity=0)
        with django_db_blocker.block():
            yield


@pytest.fixture
def backend(settings, tmp_path):
    """A buffered backend that only delivers on ``flush()``."""
    settings.EVENTLOG = {
        "BACKEND": "eventlog.backends.buffered.BufferedBackend",
        "OPTIONS": {"spool": tmp_path / "spool", "interval": None},
    }
    yield get_backend()
    settings.EVENTLOG = {}
    get_backend()
