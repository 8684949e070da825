"""Receivers of ``event_logged`` and ``post_save`` are called once for each event."""

import asyncio

import pytest
from asgiref.sync import async_to_sync
from django.db.models.signals import post_save

from eventlog.backends import get_backend
from eventlog.models import Log, alog, log
from eventlog.signals import event_logged

from ..support import actions

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def connected():
    """Connect receivers until the end of the test."""
    pairs = []

    def connect(signal, receiver, sender=None):
        signal.connect(receiver, sender=sender, weak=False)
        pairs.append((signal, receiver, sender))

    yield connect
    for signal, receiver, sender in pairs:
        signal.disconnect(receiver, sender=sender)


def test_receivers_get_each_event_with_its_key(backend, connected):
    keys = []
    connected(event_logged, lambda event, **kwargs: keys.append(event.pk))
    for _ in range(3):
        log(None, "X")
    backend.flush()
    assert keys == list(Log.objects.order_by("id").values_list("pk", flat=True))


def test_a_receiver_of_post_save_that_fails_stops_neither_caller_nor_delivery(backend, connected):
    def fail(**kwargs):
        raise RuntimeError("on purpose")

    connected(post_save, fail, sender=Log)
    log(None, "X")
    assert backend.flush()
    assert actions() == ["X"]


def log_once(kind):
    if kind == "async":
        async_to_sync(alog)(None, "FIRST")
    else:
        log(None, "FIRST")


@pytest.fixture(params=["direct", "async", "buffered"])
def kind(request, spooling):
    if request.param == "buffered":
        spooling()
    return request.param


@pytest.fixture
def deliver(kind):

    def deliver():
        for _ in range(4):
            assert get_backend().flush()

    return deliver


def by_event_logged(event, **kwargs):
    log(None, "BY_RECEIVER")


async def by_event_logged_async(event, **kwargs):
    await alog(None, "BY_RECEIVER")


def by_post_save(sender, **kwargs):
    """Log each object that is saved, as an audit of the whole site does."""
    log(None, "BY_RECEIVER")


@pytest.mark.parametrize(
    ("signal", "receiver"),
    [
        (event_logged, by_event_logged),
        (event_logged, by_event_logged_async),
        (post_save, by_post_save),
    ],
)
def test_a_receiver_that_logs_causes_one_more_event(kind, deliver, connected, signal, receiver):
    connected(signal, receiver)
    log_once(kind)
    deliver()
    assert sorted(actions()) == ["BY_RECEIVER", "FIRST"]


def test_receivers_of_both_signals_that_log_cause_one_more_event_each(kind, deliver, connected):
    connected(event_logged, by_event_logged)
    connected(post_save, by_post_save)
    log_once(kind)
    deliver()
    assert sorted(actions()) == ["BY_RECEIVER"] * 2 + ["FIRST"]


def test_an_event_after_a_receiver_that_logs_is_announced_again(kind, deliver, connected):
    connected(event_logged, by_event_logged)
    for _ in range(3):
        log_once(kind)
        deliver()
    assert sorted(actions()) == ["BY_RECEIVER"] * 3 + ["FIRST"] * 3


def test_tasks_that_log_at_the_same_time_are_all_announced(connected):
    heard = []
    connected(event_logged, lambda event, **kwargs: heard.append(event.action))

    async def both():
        await asyncio.gather(alog(None, "A"), alog(None, "B"))

    async_to_sync(both)()
    assert sorted(heard) == ["A", "B"]
