"""Log records of Python's logging become events."""

import logging
import threading
from datetime import UTC, datetime
from logging.config import dictConfig
from typing import get_args

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.http import HttpResponse
from django.urls import path

from eventlog import api
from eventlog.backends.locmem import LocMemBackend
from eventlog.contrib.loggers import handler as handlers
from eventlog.contrib.loggers.handler import EventLogHandler
from eventlog.models import Log
from eventlog.records.redaction import MASK
from eventlog.signals import event_logged
from tests.shop.models import Widget

PAID = {"event": "ORDER_PAID"}
HANDLER = "eventlog.contrib.loggers.handler.EventLogHandler"


def failing():
    raise ValueError("card declined, password=hunter2")


def pay(request):
    logging.getLogger("shop.orders").info("Paid", extra=PAID)
    return HttpResponse(request.user)


async def apay(request):
    logging.getLogger("shop.orders").info("Paid", extra=PAID)
    return HttpResponse()


urlpatterns = [path("pay/", pay), path("apay/", apay)]


@pytest.fixture
def events(outbox, handling):
    """Return the events of a handler without options."""
    handling()
    return outbox


def test_a_log_record_with_an_event_becomes_one(events, logger, anna):
    widget = Widget.objects.create(name="Foo")
    before = datetime.now(UTC)
    extra = {"user": anna, "obj": widget, "total": 7, "path": "own"}
    logger.info("%s is paid", widget, extra=PAID | extra)
    (event,) = events
    assert (event.action, event.user, event.obj) == ("ORDER_PAID", anna, widget)
    assert before <= event.timestamp <= datetime.now(UTC)
    assert event.facts == {}
    assert event.extra == {
        "level": "INFO",
        "logger": "shop.orders",
        "message": "Foo is paid",
        "total": 7,
        "path": "own",
    }


def test_a_log_record_without_an_event_is_ignored(events, logger):
    logger.error("Broken")
    logger.error("Broken", extra={"event": None})
    assert events == []


@pytest.mark.parametrize("name", ["eventlog", "eventlog.a", "django.db", "django.db.backends"])
def test_the_loggers_of_the_writing_itself_are_ignored(outbox, name):
    EventLogHandler(default_action="LOGGED").handle(
        logging.makeLogRecord({"name": name, "levelno": logging.ERROR, **PAID})
    )
    assert outbox == []


def test_log_records_without_an_event_get_the_default_action(outbox, handling, logger):
    handling(default_action="LOG_{level}")
    logger.warning("Slow")
    logger.info("Paid", extra=PAID)
    logger.debug("Details")
    logger.debug("Details", extra=PAID)
    assert [event.action for event in outbox] == ["LOG_WARNING", "ORDER_PAID", "ORDER_PAID"]


def test_log_records_about_the_tasks_that_write_events_are_ignored(outbox, handling, logger):
    handling(default_action="LOGGED")
    logger.info("Task %s[%s] received", "eventlog.write_batch", "7f")
    logger.info("Task id=%s path=%s", "7f", "eventlog.backends.tasks.write_batch")
    thread = threading.Thread(target=logger.error, args=["Refused"], name="eventlog-siem")
    thread.start()
    thread.join()
    assert outbox == []


def test_an_exception_is_a_fact_and_its_traceback_is_masked(events, logger):
    try:
        failing()
    except ValueError:
        logger.exception("Payment failed", extra=PAID)
    logger.error("Outside of an exception", exc_info=True, extra=PAID)
    failed, other = events
    assert failed.facts == {"exception": "ValueError"}
    assert failed.extra["level"] == "ERROR"
    assert failed.extra["traceback"].startswith("Traceback (most recent call last):")
    assert failed.extra["traceback"].endswith(f"ValueError: card declined, password={MASK}")
    assert not {"exception", "traceback"} & {*other.extra}


def test_long_texts_are_cut_and_a_traceback_keeps_its_end(events, logger):
    try:
        raise ValueError("x" * 20_000 + "the end")
    except ValueError:
        logger.exception("y" * 5000, extra=PAID)
    (event,) = events
    assert len(event.extra["message"]) == 4096
    assert len(event.extra["traceback"]) == 8192
    assert event.extra["traceback"].endswith("the end")


def test_an_extra_that_is_too_large_loses_its_largest_values(events, logger, settings):
    settings.EVENTLOG = settings.EVENTLOG | {"MAX_EXTRA_BYTES": 2000}
    logger.info("Paid", extra=PAID | {"total": 7, "lines": "x" * 3000})
    (event,) = events
    assert (event.extra["total"], event.extra["truncated"]) == (7, ["lines"])


def test_an_argument_of_the_message_is_masked_by_its_name(events, logger):
    given = {"user": "anna", "password": "hunter2", "count": 3}
    logger.info(
        "%(user)s logs in with %(password)s, attempt %(count)d", given, extra={"event": "X"}
    )
    (event,) = events
    assert event.extra["message"] == "anna logs in with ********, attempt 3"


def test_secrets_are_masked(events, logger):
    logger.info("Logged in with token=%s", "abc", extra=PAID | {"password": "hunter2"})
    (event,) = events
    assert (event.extra["message"], event.extra["password"]) == (
        f"Logged in with token={MASK}",
        MASK,
    )


def test_values_of_any_type_are_stored(events, logger, anna):
    values = {"tags": {"b", "a"}, "body": b"ab", "who": anna, "user": "anna", "obj": "7"}
    logger.info("Paid", extra=PAID | values | {"rate": float("nan"), "nested": {"a": {1}}})
    (event,) = events
    assert event.user is None
    found = {name: event.extra[name] for name in ("tags", "who", "user", "obj", "rate", "nested")}
    assert found == {
        "tags": ["a", "b"],
        "who": anna.pk,
        "user": "anna",
        "obj": "7",
        "rate": "nan",
        "nested": "{'a': {1}}",
    }


@pytest.mark.parametrize(
    "extra",
    [{"event": 7}, {"event": ""}, {"event": "x" * 256}, {"event": "A", "obj": Widget(name="new")}],
)
def test_an_invalid_value_is_printed_and_the_caller_goes_on(
    events, logger, capsys, monkeypatch, extra
):
    logger.info("Paid", extra=extra)
    assert "--- Logging error ---" in (printed := capsys.readouterr().err)
    assert "Message: 'Paid'" in printed
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logger.info("Paid", extra=extra)
    assert capsys.readouterr().err == ""
    assert events == []


def test_a_message_that_cannot_be_formatted_is_printed(outbox, capsys):
    record = logging.makeLogRecord({"msg": "%d items", "args": ("many",), **PAID})
    assert EventLogHandler().handle(record)
    assert "TypeError" in capsys.readouterr().err
    assert outbox == []


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"durability": "never"}, "durability is 'never'; use one of: transaction, commit, always"),
        ({"default_action": 7}, "default_action is 7; give a name"),
        ({"default_action": " "}, "give a name of 1 to 255 characters"),
        ({"default_action": "x" * 256}, "give a name of 1 to 255 characters"),
        ({"default_action": "LOG_{logger}"}, "it may contain {level} only"),
        ({"default_action": "LOG_{}"}, "it may contain {level} only"),
        ({"default_action": "LOG_{level.x}"}, "it may contain {level} only"),
        ({"default_action": "LOG_{"}, "cannot be formatted"),
    ],
)
def test_an_invalid_option_is_refused_when_logging_is_configured(options, problem):
    with pytest.raises(ValueError, match="Unable to configure handler 'events'") as caught:
        dictConfig({"version": 1, "incremental": False, "disable_existing_loggers": False,
                    "handlers": {"events": {"class": HANDLER, **options}}})  # fmt: skip
    assert problem in str(caught.value.__cause__)


def test_the_durabilities_are_those_of_log():
    assert get_args(handlers.Durability) == get_args(api.Durability)


# Requests


def test_an_event_in_a_request_has_its_facts_and_its_user(events, client, settings, anna):
    settings.ROOT_URLCONF = __name__
    client.get("/pay/")
    client.force_login(anna)
    client.get("/pay/")
    paid, request, second, _ = events
    assert paid.facts["path"] == "/pay/"
    assert paid.extra["request_id"] == request.extra["request_id"]
    # The first view logs before it reads the user.
    assert (paid.user_name, second.user_name) == ("anonymous", "not known")


def test_the_user_is_the_loaded_one_unless_it_is_given(events, logger, rf, anna):
    request = rf.get("/orders/")
    request.user = anna
    logger.info("Paid", extra=PAID | {"request": request})
    logger.info("Paid", extra=PAID | {"request": request, "user": None})
    logger.info("Paid", extra=PAID | {"request": request, "user": AnonymousUser()})
    assert [event.user_name for event in events] == ["anna", "", "anonymous"]
    assert {event.facts["path"] for event in events} == {"/orders/"}
    assert all("request" not in event.extra for event in events)


def test_djangos_own_log_records_have_their_request(outbox, client):
    handler = EventLogHandler(logging.WARNING, default_action="LOG_{level}")
    logging.getLogger("django.request").addHandler(handler)
    try:
        client.get("/no/such/page/")
    finally:
        logging.getLogger("django.request").removeHandler(handler)
    (logged,) = [event for event in outbox if not event.is_request]
    assert (logged.action, logged.extra["status_code"]) == ("LOG_WARNING", 404)
    assert logged.facts["path"] == "/no/such/page/"


# Transactions


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("durability", "kept"), [("transaction", False), ("commit", False), ("always", True)]
)
def test_the_durability_decides_what_survives_a_rollback(handling, logger, durability, kept):
    handling(durability=durability)
    with transaction.atomic():
        logger.info("Paid", extra=PAID)
        transaction.set_rollback(True)
    for thread in threading.enumerate():
        if thread.name == "eventlog-always":  # SQLite has one writer at a time
            thread.join()
    assert Log.objects.exists() == kept


@pytest.mark.django_db(transaction=True)
def test_an_error_of_the_database_does_not_break_the_callers_transaction(
    handling, logger, caplog, anna
):
    handling()
    with connection.schema_editor() as editor:
        editor.execute("ALTER TABLE eventlog_log RENAME TO eventlog_hidden")
    try:
        with transaction.atomic():
            logger.info("Paid", extra=PAID)
            Widget.objects.create(name="Foo")
    finally:
        with connection.schema_editor() as editor:
            editor.execute("ALTER TABLE eventlog_hidden RENAME TO eventlog_log")
    assert Widget.objects.exists()
    (report,) = [each for each in caplog.records if each.name == "eventlog"]
    assert "logging the event of a log record" in report.getMessage()


# Recursion


def test_a_receiver_may_log_an_event_which_has_no_receivers(events, logger):
    def receiver(event, **kwargs):
        logger.info("Seen", extra={"event": f"SEEN_{event.action}"})

    event_logged.connect(receiver)
    try:
        logger.info("Paid", extra=PAID)
    finally:
        event_logged.disconnect(receiver)
    assert [event.action for event in events] == ["ORDER_PAID", "SEEN_ORDER_PAID"]


class TalkativeBackend(LocMemBackend):
    """A backend that logs an event about each event."""

    def write(self, records):
        logging.getLogger("shop.orders").warning("Writing", extra={"event": "WRITTEN"})
        logging.getLogger("shop.orders").warning("Writing")
        return super().write(records)


def test_a_backend_that_logs_does_not_recurse(outbox, handling, logger, settings, caplog):
    handling(default_action="LOGGED")
    settings.EVENTLOG = {"BACKEND": f"{__name__}.TalkativeBackend"}
    logger.info("Paid", extra=PAID)
    assert [event.action for event in outbox] == ["ORDER_PAID"]
    (report,) = [each for each in caplog.records if each.name == "eventlog"]
    assert "'WRITTEN' was logged while another event was written" in report.getMessage()


# Threads and event loops


def test_threads_do_not_wait_for_each_other(handling, logger, settings):
    """One thread's INSERT may wait for the transaction of a thread that logs too."""
    handling()
    inside, done = threading.Event(), threading.Event()
    settings.EVENTLOG = {"BACKEND": f"{__name__}.WaitingBackend"}
    WaitingBackend.inside, WaitingBackend.done = inside, done
    waiting = threading.Thread(target=logger.info, args=["A"], kwargs={"extra": {"event": "A"}})
    waiting.start()
    assert inside.wait(10)
    logger.info("B", extra={"event": "B"})
    done.set()
    waiting.join()
    assert WaitingBackend.actions == ["B", "A"]


class WaitingBackend(LocMemBackend):
    """A backend whose event A waits until the test goes on."""

    actions: list[str] = []

    def write(self, records):
        if records[0].action == "A":
            self.inside.set()
            assert self.done.wait(10)
        self.actions.extend(record.action for record in records)
        return ()


@pytest.mark.django_db(transaction=True)
def test_an_event_that_is_logged_on_the_event_loop_is_in_the_database(
    handling, async_client, settings
):
    handling()
    settings.ROOT_URLCONF = __name__
    async_to_sync(async_client.get)("/apay/")
    paid, request = Log.objects.order_by("pk")
    assert (paid.action, paid.facts["path"]) == ("ORDER_PAID", "/apay/")
    assert paid.extra["request_id"] == request.extra["request_id"]


def test_nothing_is_logged_when_events_are_switched_off(events, logger, settings, capsys):
    settings.EVENTLOG = settings.EVENTLOG | {"ENABLED": False}
    logger.info("Paid", extra={"event": ""})
    assert capsys.readouterr().err == ""
    assert events == []


def test_a_filter_of_the_handler_applies(outbox, handling, logger):
    handling().addFilter(lambda record: record.total > 5)
    for total in (3, 7):
        logger.info("Paid", extra=PAID | {"total": total})
    assert [event.extra["total"] for event in outbox] == [7]
