"""Requests of an API that DRF-API-Logger has recorded."""

import signal

import pytest
from drf_api_logger import apps
from drf_api_logger.insert_log_into_database import InsertLogIntoDatabase
from drf_api_logger.models import APILogsModel

from eventlog.models import Log
from eventlog.records.redaction import MASK
from eventlog.records.user_state import ANONYMOUS, UNKNOWN

from .running import events, imported, run

pytestmark = pytest.mark.django_db
MIDDLEWARE = "drf_api_logger.middleware.api_logger_middleware.APILoggerMiddleware"


@pytest.fixture
def stored(settings, monkeypatch):
    """Return a function that stores the requests which were recorded."""
    settings.ROOT_URLCONF = "tests.packages.importers.urls"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, MIDDLEWARE]
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    writer = InsertLogIntoDatabase()  # It takes over both signals.
    for number, handler in handlers.items():
        signal.signal(number, handler)
    monkeypatch.setattr(apps, "LOGGER_THREAD", writer)
    return writer.shutdown


@pytest.fixture
def logged(client, stored):
    """The row of a request."""
    client.post(
        "/api/orders/7/?page=2&token=c0ffee4711",
        {"name": "Anna", "password": "hunter2"},
        content_type="application/json",
        REMOTE_ADDR="203.0.113.7",
        HTTP_USER_AGENT="curl/8.5.0",
        HTTP_AUTHORIZATION="Bearer c0ffee",
        HTTP_X_CLIENT="app",
    )
    stored()
    return APILogsModel.objects.get()


def test_a_request_has_the_facts_that_the_middleware_records(logged):
    own = Log.objects.requests().get()
    (event,) = imported("drf_api_logger")
    assert (event.timestamp, event.action) == (logged.added_on, "POST_API_ORDER")
    assert (event.ip, event.status, event.is_request) == ("203.0.113.7", 201, True)
    assert event.extra["duration_ms"] == round(float(logged.execution_time) * 1000, 2)
    missing = ("request_id", "duration_ms", "query")
    assert {key: event.facts[key] for key in own.facts if key not in missing} == {
        key: fact for key, fact in own.facts.items() if key not in missing
    }
    assert event.extra["query"] == f"page=2&token={MASK}"


def test_bodies_are_documents_in_which_secrets_are_masked(logged):
    APILogsModel.objects.update(body='{"name": "Anna", "password": "hunter2"}')
    (event,) = imported("drf_api_logger")
    assert event.extra["body"] == {"name": "Anna", "password": MASK}
    assert event.extra["response"] == {"pk": 7, "token": MASK}


def test_credentials_are_left_out_and_other_headers_kept(logged):
    (event,) = imported("drf_api_logger")
    assert event.extra["headers"] == {"X_CLIENT": "app"}


def test_bodies_can_be_left_out(logged):
    (event,) = imported("drf_api_logger", "--no-bodies")
    assert not {"body", "response"} & event.extra.keys()


def test_only_a_request_without_credentials_was_anonymous(logged):
    assert imported("drf_api_logger")[0].user_state == UNKNOWN
    # Django's test client always sends a cookie.
    APILogsModel.objects.create(**_values(logged), headers='{"HOST": "testserver"}')
    assert imported("drf_api_logger")[1].user_state == ANONYMOUS


def _values(row):
    names = {field.name for field in APILogsModel._meta.fields} - {"id", "headers"}
    return {name: getattr(row, name) for name in names}


def test_a_body_that_is_too_large_is_left_out_and_reported(logged, settings):
    settings.EVENTLOG = {"MAX_EXTRA_BYTES": 2000}
    APILogsModel.objects.update(response="x " * 2000)
    assert "Imported with a restriction: 1 row, the largest values" in run(
        "drf_api_logger", "--final"
    )
    (event,) = events()
    assert event.extra["truncated"] == ["response"]
    assert event.extra["body"]


def test_a_body_that_is_nested_too_deeply_is_kept_as_text(logged):
    APILogsModel.objects.update(response="[" * 40 + "]" * 40)
    assert imported("drf_api_logger")[0].extra["response"] == "[" * 40 + "]" * 40
