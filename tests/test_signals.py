import pytest
from asgiref.sync import async_to_sync

from eventlog.models import Log, alog, log
from eventlog.signals import event_logged

pytestmark = pytest.mark.django_db


@pytest.fixture
def received():
    """The events that three receivers got. The second receiver raises an error."""
    got = []

    def first(sender, event, **kwargs):
        got.append((sender, event))

    def second(sender, event, **kwargs):
        raise RuntimeError("error of a receiver")

    async def third(sender, event, **kwargs):
        got.append((sender, event))

    receivers = [first, second, third]
    for receiver in receivers:
        event_logged.connect(receiver)
    yield got
    for receiver in receivers:
        event_logged.disconnect(receiver)


def test_a_failing_receiver_does_not_stop_the_others(received, caplog):
    event = log(None, "X")
    assert received == [(Log, event), (Log, event)]
    assert "error of a receiver" in caplog.text
    assert {record.name for record in caplog.records} == {"eventlog"}


def test_async_receivers_get_the_event_from_alog(received):
    event = async_to_sync(alog)(None, "X")
    assert received == [(Log, event), (Log, event)]
