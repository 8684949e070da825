"""Events are lines of JSON of a logger."""

import io
import json
import logging

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction

from eventlog.backends.database import DatabaseBackend
from eventlog.checks import check_settings
from eventlog.contrib.loggers.json_lines import json_line_of
from eventlog.models import Log, alog, log
from eventlog.records.record import Record
from eventlog.review.export.formats import COLUMNS
from eventlog.signals import event_logged
from tests.shop.models import Widget

BACKEND = "eventlog.contrib.loggers.backend.LoggerBackend"


@pytest.fixture
def lines(logger, settings):
    """Return a function that returns the written lines, parsed."""
    logger.addHandler(logging.StreamHandler(stream := io.StringIO()))
    settings.EVENTLOG = {"BACKEND": BACKEND, "OPTIONS": {"logger": logger.name}}
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines() if line[0] == "{"]


@pytest.fixture
def receiver():
    heard = []

    def hear(event, **kwargs):
        heard.append(event)

    event_logged.connect(hear)
    yield heard
    event_logged.disconnect(hear)


def exported(client, event):
    content = client.get(f"/admin/eventlog/log/export/jsonl/?id__exact={event.pk}").getvalue()
    return json.loads(content)


@pytest.mark.django_db
@pytest.mark.parametrize("user", [True, False])
def test_a_line_is_the_line_of_the_export(root, anna, user):
    facts = {"ip": "203.0.113.7", "path": "/a\u2028b/", "status": 404, "duration_ms": 1.5}
    extra = {"order": {"total": 7}, "query": "own"}
    widget = Widget.objects.create(name="Foo\nBär")
    record = Record.build(anna if user else None, "ORDER_PAID", extra, widget, facts=facts)
    (event,) = DatabaseBackend().write([record])
    line = json_line_of(record)
    assert json.loads(line) == exported(root, event)
    assert line.isascii()
    assert len(line.splitlines()) == 1


@pytest.mark.django_db(transaction=True)
def test_a_request_and_its_events_are_lines_without_a_row(lines, client):
    client.get("/service/")
    inner, request = lines()
    assert [*request] == [*COLUMNS]
    assert (inner["action"], request["action"]) == ("DEEP_DOWN", "GET_SERVICE")
    assert (request["path"], request["status"]) == ("/service/", 200)
    assert not Log.objects.exists()


def test_log_needs_no_database(lines):
    assert log(None, "ORDER_PAID", {"total": 7}) is None
    assert [line["extra"] for line in lines()] == [{"total": 7}]


def test_async_code_writes_lines(lines, async_client):
    async_to_sync(async_client.get)("/aservice/")
    assert [line["action"] for line in lines()] == ["ASYNC_DEEP_DOWN", "GET_ASERVICE"]


@pytest.mark.django_db(transaction=True)
def test_a_line_is_written_after_the_commit_and_not_after_a_rollback(lines):
    with transaction.atomic():
        log(None, "ROLLED_BACK")
        transaction.set_rollback(True)
    with transaction.atomic():
        log(None, "COMMITTED")
        assert lines() == []
        log(None, "ALWAYS", durability="always")
    assert [line["action"] for line in lines()] == ["ALWAYS", "COMMITTED"]


def test_event_logged_is_sent_for_each_line(lines, receiver, async_client):
    log(None, "ORDER_PAID")
    async_to_sync(alog)(None, "ORDER_SENT")
    async_to_sync(async_client.get)("/aok/")
    assert [event.action for event in receiver] == ["ORDER_PAID", "ORDER_SENT", "GET_AOK"]
    assert {event.pk for event in receiver} == {None}
    assert len(lines()) == 3


def test_an_event_of_a_receiver_is_a_line_and_has_no_receivers(lines):
    def receiver(event, **kwargs):
        log(None, f"SEEN_{event.action}")

    event_logged.connect(receiver)
    try:
        log(None, "ORDER_PAID")
    finally:
        event_logged.disconnect(receiver)
    assert [line["action"] for line in lines()] == ["ORDER_PAID", "SEEN_ORDER_PAID"]


def test_lines_do_not_become_events_again(lines, handling, logger):
    handling(default_action="LOGGED")
    logger.info("Paid", extra={"event": "ORDER_PAID"})
    log(None, "ORDER_SENT")
    assert [line["action"] for line in lines()] == ["ORDER_PAID", "ORDER_SENT"]


def test_the_lines_have_the_level_of_the_option(lines, logger, settings, caplog):
    settings.EVENTLOG = {
        "BACKEND": BACKEND,
        "OPTIONS": {"logger": logger.name, "level": "WARNING"},
    }
    log(None, "ORDER_PAID")
    (record,) = caplog.records
    assert (record.name, record.levelname) == (logger.name, "WARNING")


# Checks


def messages(settings, **options):
    settings.EVENTLOG = {"BACKEND": BACKEND, "OPTIONS": options}
    return [(message.id, f"{message.msg} {message.hint}") for message in check_settings()]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"logger": ""}, "logger is ''; give the name of a logger"),
        ({"logger": 7}, "logger is 7"),
        ({"level": "LOUD"}, "level is 'LOUD'; use one of: CRITICAL"),
        ({"level": 0}, "level is 0"),
        ({"level": True}, "level is True"),
        ({"name": "x"}, "'name'"),
    ],
)
def test_an_invalid_option_is_an_error(settings, options, problem):
    ((check_id, text),) = messages(settings, **options)
    assert check_id == "eventlog.E005"
    assert problem in text


def test_a_logger_whose_lines_get_lost_gives_a_warning(settings, logger):
    name = logger.name
    logger.propagate = False
    try:
        ((check_id, text),) = messages(settings, logger=name)
        assert check_id == "eventlog.W041"
        assert f"no handler of the logger '{name}' takes the level INFO" in text
        handler = logging.StreamHandler()
        handler.setLevel("ERROR")
        logger.addHandler(handler)
        assert [check_id for check_id, _ in messages(settings, logger=name)] == ["eventlog.W041"]
        handler.setLevel("INFO")
        assert messages(settings, logger=name) == []
        logger.setLevel("ERROR")
        ((_, text),) = messages(settings, logger=name)
        assert f"the logger '{name}' ignores the level INFO" in text
        assert messages(settings, logger=name, level=logging.ERROR) == []
    finally:
        logger.propagate = True


def test_an_event_for_a_logger_that_ignores_the_level_is_reported(lines, logger, caplog):
    logger.setLevel("ERROR")
    log(None, "ORDER_PAID")
    assert lines() == []
    (report,) = caplog.records
    assert report.name == "eventlog"
    assert f"the logger '{logger.name}' ignores the level INFO" in report.getMessage()
