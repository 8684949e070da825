"""Inserted values are stored unchanged."""

import sqlite3
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext

from eventlog.backends.delivery import pacer
from eventlog.backends.delivery.pacer import Pacer
from eventlog.backends.delivery.segments import SegmentDelivery
from eventlog.backends.sql import insert
from eventlog.models import Log, log
from eventlog.signals import event_logged

from ...shop.models import Widget
from ..support import TEXT, Clock, actions, here, postgresql_only

pytestmark = pytest.mark.django_db(transaction=True)

AWKWARD = [
    "tab\tbreak\nreturn\rbackslash\\ \\N \\. quote\" '",
    "\u2028 \x85 \x0b \x1c \x7f",
    "\U0001f600 é",
    ',"extra":{}',
]


@pytest.mark.parametrize("text", AWKWARD)
@pytest.mark.parametrize("has_receivers", [False, True])
def test_any_text_is_stored_unchanged(backend, text, has_receivers):
    def receiver(**kwargs): ...

    if has_receivers:
        event_logged.connect(receiver)
    log(None, text, {text: [text]}, obj=Widget.objects.create(name=text))
    assert backend.flush()
    event_logged.disconnect(receiver)
    event = Log.objects.get()
    assert (event.action, event.object_repr, event.extra) == (text, text, {text: [text]})


@pytest.mark.skipif(connection.vendor != "sqlite", reason="a limit of SQLite")
def test_a_batch_fits_the_number_of_values_that_sqlite_3_31_accepts(backend):
    connection.ensure_connection()
    limit = connection.connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)
    try:
        for number in range(200):
            log(None, f"ACTION_{number}")
        assert backend.flush()
    finally:
        connection.connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, limit)
    assert Log.objects.count() == 200


MOMENTS = [
    datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC),
    datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC),
    datetime(2026, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    datetime(1890, 3, 1, 12, 0, 0, 7, tzinfo=timezone(timedelta(minutes=53, seconds=28))),
]


@pytest.mark.parametrize("moments", [MOMENTS, *([moment] for moment in MOMENTS), MOMENTS[:2]])
def test_any_time_is_stored_unchanged(backend, moments):
    for moment in moments:
        log(None, "X", dateof=moment)
    assert backend.flush()
    assert list(Log.objects.order_by("id").values_list("timestamp", flat=True)) == moments


def test_an_event_whose_user_key_fits_no_column_is_stored(backend):
    class Robot:
        is_authenticated, pk = True, 2**63

    log(Robot(), "X")
    assert backend.flush()
    assert Log.objects.get().user_id is None


def test_an_address_may_be_any_text(backend):
    log(None, "X", {"ip": "".join(map(chr, range(256, 9000)))})
    assert backend.flush()
    assert actions() == ["X"]


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pacer, "time", clock)
    return clock


def deliver_in_chunks(backend, interval=5.0):
    """Deliver in small chunks, as the thread does while requests are served."""
    delivery = SegmentDelivery(backend.spool, backend.record_lost)
    return delivery.run(Pacer(interval), None, lambda: False)


def test_objects_of_any_kind_may_come_in_any_chunk(backend, anna, clock):
    """PostgreSQL answers no queries on a connection during a COPY."""
    for obj in (anna, Widget.objects.create(name="w"), anna):
        for _ in range(50):
            log(None, "X", TEXT, obj)
    ContentType.objects.clear_cache()
    assert deliver_in_chunks(backend)
    kinds = Log.objects.order_by("id").values_list("content_type__model", flat=True)
    assert [*kinds] == ["user"] * 50 + ["widget"] * 50 + ["user"] * 50


def test_an_invalid_line_may_come_in_any_chunk(backend, clock):
    for _ in range(50):
        log(None, "X", TEXT)
    backend.spool.append("no event", here())
    assert deliver_in_chunks(backend)
    assert (Log.objects.count(), backend.status().dead_letters) == (50, 1)


@postgresql_only
def test_one_copy_takes_several_chunks_within_its_time_limit(backend, clock, monkeypatch):
    for _ in range(3000):
        log(None, "X", TEXT)
    monkeypatch.setattr(insert, "time", clock)
    with CaptureQueriesContext(connection) as queries:
        assert deliver_in_chunks(backend, interval=2.0)
    copies = sum(query["sql"].startswith("COPY") for query in queries)
    assert len(clock.rests) > 100
    assert copies == pytest.approx(sum(clock.rests) / insert.MAX_COPY_SECONDS, abs=1)


def test_sleeps_are_short_while_rows_of_users_are_locked(backend, clock):
    for _ in range(300):
        log(None, "X", TEXT)
    assert deliver_in_chunks(backend)
    assert Log.objects.count() == 300
    expected = pacer.MIN_REST if connection.vendor == "mysql" else pacer.MAX_REST
    assert {*clock.rests} == {expected}
