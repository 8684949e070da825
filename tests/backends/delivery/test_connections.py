import os

import pytest
from django.db import connection, connections

from eventlog.backends.delivery.connections import PrivateConnections
from eventlog.models import log
from eventlog.signals import event_logged

from ..support import in_thread, needs_server
from .held import TIMEOUT

pytestmark = pytest.mark.django_db(transaction=True)


def server_connection():
    """Return the driver's connection of this thread, after a query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return connection.connection


def rounds(private, count, between=lambda connection: None):
    """Return the driver's connections of ``count`` rounds in one thread, and the open ones."""

    def run():
        found = []
        for _ in range(count):
            private.prepare()
            found.append(server_connection())
            private.release()
            between(found[-1])
        return found, connection.connection

    try:
        return in_thread(run)
    finally:
        private.close()


@needs_server
def test_a_connection_is_kept_between_rounds_if_requests_keep_their_connections(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", None)
    (first, second), left = rounds(PrivateConnections(), 2)
    assert first is second is left


@needs_server
def test_no_connection_is_kept_if_requests_keep_none(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    (first, second), left = rounds(PrivateConnections(), 2)
    assert first is not second
    assert left is None


def test_no_connection_to_sqlite_is_kept(monkeypatch, tmp_path):
    sqlite = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": tmp_path / "db.sqlite3",
        "OPTIONS": {},
        "CONN_MAX_AGE": None,
    }
    monkeypatch.setitem(connections.settings, "file", connection.settings_dict | sqlite)
    private = PrivateConnections()

    def left_open():
        private.prepare()
        connections["file"].connect()
        private.release()
        return connections["file"].connection

    assert in_thread(left_open) is None


@needs_server
def test_a_connection_that_the_server_closed_is_opened_again(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", None)
    server_connection()  # opens a connection of this thread

    def kill(opened):
        with main.cursor() as cursor:
            if main.vendor == "postgresql":
                cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [opened.info.backend_pid])
            else:
                cursor.execute("KILL %s", [opened.thread_id()])

    main = connections["default"]
    main.inc_thread_sharing()
    try:
        (first, second), _ = rounds(PrivateConnections(), 2, kill)
    finally:
        main.dec_thread_sharing()
    assert first is not second


@needs_server
def test_close_closes_the_connections_of_another_thread(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", None)
    private = PrivateConnections()
    (opened,), _ = rounds(private, 1)
    assert opened.closed if connection.vendor == "postgresql" else not opened.open
    private.close()


def test_connections_are_not_in_the_pool_of_the_site(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"pool": True})
    private = PrivateConnections()

    def options():
        private.prepare()
        return connection.settings_dict["OPTIONS"]

    assert in_thread(options) == {}


def test_a_database_whose_driver_is_missing_does_not_stop_the_others(monkeypatch):
    broken = connection.settings_dict | {"ENGINE": "tests.no_such_engine"}
    monkeypatch.setitem(connections.settings, "broken", broken)
    private = PrivateConnections()

    def alias():
        private.prepare()
        return connection.alias

    assert in_thread(alias) == "default"


@pytest.fixture
def seen():
    """The driver's connection that each event was delivered on."""
    found = []

    def receiver(**kwargs):
        found.append(connection.connection)

    event_logged.connect(receiver)
    yield found
    event_logged.disconnect(receiver)


@needs_server
def test_the_thread_keeps_its_connection_until_a_fork(
    spooling, seen, written, serving, monkeypatch
):
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", None)
    backend = spooling(interval=3600.0, batch_size=1)

    def deliver():
        written.clear()
        log(None, "X")
        assert written.wait(TIMEOUT)

    deliver()
    deliver()
    if not (child := os.fork()):
        os._exit(0)
    os.waitpid(child, 0)
    deliver()
    backend.close()
    assert seen[0] is seen[1] is not seen[2]
