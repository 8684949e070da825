"""Events are written at once, even after the server has closed the connection."""

import pytest
from asgiref.sync import async_to_sync
from django.db import connection, transaction

from eventlog.models import Log, alog, log

from .support import actions, in_thread, needs_server

pytestmark = pytest.mark.django_db(transaction=True)


def connection_id():
    """Return the id of this thread's connection on the server."""
    query = "pg_backend_pid()" if connection.vendor == "postgresql" else "connection_id()"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {query}")
        return cursor.fetchone()[0]


def kill(number):
    """Terminate a connection from another connection, as a restart of the server does."""

    def run():
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [number])
            else:
                cursor.execute(f"KILL {number}")
        connection.close()

    in_thread(run)


@needs_server
class TestKilledConnection:
    """Django closes connections after requests, which a command does not have."""

    def test_log_writes_the_next_event(self, caplog):
        for number in range(3):
            kill(connection_id())
            log(None, f"X{number}")
        assert actions() == ["X0", "X1", "X2"]
        assert caplog.text == ""

    def test_alog_writes_the_next_event(self):
        # Below async_to_sync(), alog() writes in this thread.
        for number in range(3):
            kill(connection_id())
            async_to_sync(alog)(None, f"X{number}")
        assert actions() == ["X0", "X1", "X2"]

    def test_flush_delivers(self, backend):
        log(None, "X")
        kill(connection_id())
        backend.flush()  # may find out only here that the connection is lost
        assert backend.flush()
        assert actions() == ["X"]

    def test_inside_a_transaction_the_error_is_raised(self):
        with pytest.raises(Exception), transaction.atomic():  # noqa: B017 (it depends on the driver)
            kill(connection_id())
            log(None, "X")
        connection.close()
        assert actions() == []


def test_a_user_who_was_deleted_leaves_the_name(anna):
    pk = anna.pk
    anna.delete()
    anna.pk = pk
    log(anna, "X")
    event = Log.objects.get()
    assert (event.user_id, event.user_repr) == (None, "anna")
