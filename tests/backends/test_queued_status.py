"""``manage.py eventlog_spool status`` names batches that no worker writes."""

import json
import logging
import time

import pytest
from celery import current_app
from django.core.management import CommandError, call_command

from eventlog.backends import get_backend
from eventlog.models import Log, log
from eventlog.tasks import write_batch

CELERY = "eventlog.backends.celery.CeleryBackend"
TASKS = "eventlog.backends.tasks.TasksBackend"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def broker(settings, tmp_path):
    """A broker in memory, whose queue no worker reads."""
    settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}
    current_app.conf.broker_url = "memory://"

    def use(backend, **options):
        settings.EVENTLOG = {
            "BACKEND": backend,
            "OPTIONS": {"spool": tmp_path / "spool", "interval": None} | options,
        }
        log(None, "X")
        get_backend().flush()

    yield use
    settings.EVENTLOG = {}


@pytest.fixture
def later(monkeypatch):
    """Advance the clock of the spool."""
    clock = time.time

    def move(seconds):
        monkeypatch.setattr(time, "time", lambda: clock() + seconds)

    return move


def status(capsys, *args):
    call_command("eventlog_spool", "status", *args)
    return capsys.readouterr()


def test_a_batch_at_the_broker_has_an_age(broker, later, capsys):
    broker(CELERY, queue="events")
    later(30)
    said = status(capsys, "--json")
    facts = json.loads(said.out)
    assert facts["in_flight"] == 1
    assert 30 <= facts["in_flight_seconds"] < 60
    assert said.err == ""


def test_the_maximum_age_applies_to_batches_at_the_broker(broker, later):
    broker(CELERY, queue="events")
    later(30)
    with pytest.raises(CommandError, match=r"has waited 3. s; at most 20 s are allowed"):
        call_command("eventlog_spool", "status", "--max-age", "20")


@pytest.mark.parametrize(
    ("backend", "options", "named"),
    [
        (CELERY, {"queue": "events"}, "queue 'events'? celery -A … worker -Q events"),
        (CELERY, {}, "queue 'celery'? celery -A … worker -Q celery"),
        (TASKS, {}, "queue 'default' of the backend 'default' in settings.TASKS"),
    ],
)
def test_a_queue_that_no_worker_reads_is_named(broker, later, capsys, backend, options, named):
    broker(backend, **options)
    later(90)
    assert named in status(capsys).err


def test_a_short_resend_after_shortens_the_wait(broker, later, capsys):
    broker(CELERY, resend_after=5.0)
    later(10)
    assert "No worker has written" in status(capsys).err


def test_a_batch_that_was_written_is_not_overdue(broker, later, capsys):
    broker(CELERY)
    (path,) = get_backend().spool.directory.glob("*.inflight")
    batch_id, _, rest = path.name.partition(".")
    write_batch(batch_id, path.read_text().splitlines(), rest.removesuffix(".inflight"))
    assert Log.objects.count() == 1
    later(90)
    assert status(capsys).err == ""


def test_publishing_a_batch_again_is_logged(broker, later, caplog):
    broker(CELERY, queue="events")
    later(700)
    with caplog.at_level(logging.WARNING, "eventlog"):
        get_backend().flush()
    assert "worker -Q events" in caplog.text
