import asyncio
from datetime import UTC, datetime

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured

from eventlog.backends import get_backend
from eventlog.backends.base import BaseBackend
from eventlog.backends.database import DatabaseBackend
from eventlog.models import Log, alog, log
from eventlog.records.record import Record

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


class Collecting(BaseBackend):
    """A custom backend with write() only."""

    def __init__(self, *, size=10):
        self.size = size
        self.taken = []
        self.flushed = 0

    def write(self, records):
        self.taken.extend(records)
        return ()

    def flush(self, timeout=None):
        self.flushed += 1
        return True


class Deferring(Collecting):
    deferred = True


class Failing(BaseBackend):
    def write(self, records):
        raise ConnectionError("no broker on purpose")


class FailingLater(Failing):
    deferred = True


COLLECTING = f"{__name__}.Collecting"


def test_the_database_is_the_default():
    assert type(get_backend()) is DatabaseBackend
    assert get_backend() is get_backend()


def test_options_are_the_keyword_arguments_of_the_backend(settings):
    settings.EVENTLOG = {"BACKEND": COLLECTING, "OPTIONS": {"size": 3}}
    assert get_backend().size == 3


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"BACKEND": COLLECTING, "OPTIONS": {"sise": 3}}, "OPTIONS.*sise"),
        ({"BACKEND": "no.such.Backend"}, "BACKEND.*no.such.Backend.*dotted path"),
        ({"BACKEND": "eventlog.models.Log"}, "BACKEND.*BaseBackend"),
    ],
)
def test_a_wrong_setting_is_named(settings, wrong, named):
    settings.EVENTLOG = wrong
    with pytest.raises(ImproperlyConfigured, match=named):
        get_backend()


def test_a_backend_that_is_replaced_is_flushed(settings):
    settings.EVENTLOG = {"BACKEND": COLLECTING}
    old = get_backend()
    settings.EVENTLOG = {}
    get_backend()
    assert old.flushed == 1


@pytest.mark.django_db
def test_a_custom_backend_needs_only_write(settings, client, async_client):
    settings.EVENTLOG = {"BACKEND": COLLECTING}
    assert log(None, "X") is None
    assert async_to_sync(alog)(None, "Y") is None
    client.get("/ok/")
    async_to_sync(async_client.get)("/ok/")
    assert [r.action for r in get_backend().taken] == ["X", "Y", "GET_OK", "GET_OK"]
    assert not Log.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["Failing", "FailingLater"])
def test_a_backend_that_fails_is_reported_and_breaks_nothing(
    settings, name, caplog, django_capture_on_commit_callbacks
):
    settings.EVENTLOG = {"BACKEND": f"{__name__}.{name}"}
    with django_capture_on_commit_callbacks(execute=True) as committed:
        assert log(None, "X", durability="commit") is None
    assert len(committed) == 1
    assert asyncio.run(alog(None, "X")) is None
    assert len(caplog.records) == 2


@pytest.mark.django_db(transaction=True)
def test_a_backend_that_fails_outside_a_transaction_breaks_nothing(settings, caplog):
    settings.EVENTLOG = {"BACKEND": f"{__name__}.Failing"}
    assert log(None, "X") is None
    assert "no broker on purpose" in caplog.text


@pytest.mark.django_db
def test_a_deferred_backend_gets_the_event_when_the_transaction_commits(
    settings, django_capture_on_commit_callbacks
):
    settings.EVENTLOG = {"BACKEND": f"{__name__}.Deferring"}
    with django_capture_on_commit_callbacks(execute=True):
        log(None, "X")
        assert not get_backend().taken
    assert [record.action for record in get_backend().taken] == ["X"]


def test_the_dummy_backend_discards_every_event(settings):
    settings.EVENTLOG = {"BACKEND": "eventlog.backends.dummy.DummyBackend"}
    assert log(None, "X") is None
    assert async_to_sync(alog)(None, "X") is None


RECORDS = [
    Record(action="X", timestamp=MOMENT),
    Record(
        action="É\n",
        timestamp=MOMENT,
        user_id=7,
        user_repr="anna",
        model="auth.user",
        object_id="a/b",
        object_repr="thing",
        extra='{"a":[1,null]}',
    ),
    Record(action="X", timestamp=datetime(2026, 1, 2)),
]


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_survives_json(record):
    assert Record.from_json(record.to_json()) == record
    assert "\n" not in record.to_json()


@pytest.mark.django_db
def test_the_object_of_an_app_that_was_removed_is_kept_by_its_key():
    get_backend().write([Record(action="X", timestamp=MOMENT, model="gone.thing", object_id=7)])
    event = Log.objects.get()
    assert (event.content_type, event.object_id) == (None, "7")
