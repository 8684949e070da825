"""Foreign keys that were locked or missing are filled in later."""

import pytest
from django.contrib.auth.models import User

from eventlog.backends.sql.pending_keys import fill_in_keys, insert_without_waiting
from eventlog.models import Log, PendingKey
from eventlog.records.record import Record

from ...shop.models import Widget
from ..support import needs_server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def unknown():
    """The record of a user who does not exist yet."""
    return Record.build(User(pk=7, username="bert"), "X")


@needs_server
def test_an_event_is_written_with_keys_that_are_not_locked(anna):
    widget = Widget.objects.create(name="w")
    record, pk = insert_without_waiting(Record.build(anna, "X", None, widget), "default")
    event = Log.objects.get(pk=pk)
    assert (event.user, event.obj, record.user_id) == (anna, widget, anna.pk)
    assert not PendingKey.objects.exists()


@needs_server
def test_the_key_of_a_user_is_filled_in_after_the_user_was_created(unknown):
    record, pk = insert_without_waiting(unknown, "default")
    assert (record.user_id, record.user_repr) == (None, "bert")
    assert fill_in_keys("default") == 0
    User.objects.create(pk=7, username="bert")
    assert fill_in_keys("default") == 1
    assert Log.objects.get(pk=pk).user_id == 7
    assert fill_in_keys("default") == 0


@needs_server
def test_the_key_of_a_user_who_is_never_created_is_deleted_after_a_day(unknown):
    _, pk = insert_without_waiting(unknown, "default")
    fill_in_keys("default")
    assert PendingKey.objects.exists()
    Log.objects.filter(pk=pk).update(timestamp="2020-01-01T00:00:00Z")
    fill_in_keys("default")
    assert not PendingKey.objects.exists()
    assert Log.objects.get().user_repr == "bert"


def test_the_pending_key_of_a_deleted_event_is_deleted():
    PendingKey.objects.create(event_id=1, user_id="7")
    assert fill_in_keys("default") == 0
    assert not PendingKey.objects.exists()
