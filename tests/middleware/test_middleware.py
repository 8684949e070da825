import pytest
from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.test import RequestFactory

from eventlog.middleware import EventLogMiddleware
from eventlog.models import Log

KEYS = {
    "ip", "method", "path", "query", "route", "view", "status", "duration_ms", "ua", "browser",
    "os", "device", "device_type", "referer", "request_id", "client_request_id",
}  # fmt: skip


AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/120.0 Safari/537.36"
)


def test_a_request_is_recorded_with_all_its_fields(client, outbox):
    client.get(
        "/shop/orders/7/?page=2&token=x",
        HTTP_USER_AGENT=AGENT,
        HTTP_REFERER="https://example.org/?session=x",
        HTTP_X_REQUEST_ID="abc-123",
        REMOTE_ADDR="192.0.2.7",
    )
    extra = outbox[0].extra
    assert set(extra) == KEYS
    assert isinstance(extra.pop("duration_ms"), float)
    assert len(extra.pop("request_id")) == 32
    assert extra == {
        "ip": "192.0.2.7",
        "method": "GET",
        "path": "/shop/orders/7/",
        "query": "page=2&token=********",
        "route": "shop/orders/<int:pk>/",
        "view": "shop:order-detail",
        "status": 200,
        "ua": AGENT,
        "browser": "Chrome 120.0",
        "os": "Linux",
        "device": "PC",
        "device_type": "pc",
        "referer": "https://example.org/?session=********",
        "client_request_id": "abc-123",
    }


def test_unknown_fields_are_absent(client, outbox):
    client.get("/nowhere/")
    assert set(outbox[0].extra) == {
        "ip", "method", "path", "status", "duration_ms", "request_id",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "status", "exception"),
    [
        ("/crash/", 500, "RuntimeError"),
        ("/missing/", 404, "Http404"),
        ("/denied/", 403, "PermissionDenied"),
        ("/suspicious/", 400, "SuspiciousOperation"),
        ("/acrash/", 500, "RuntimeError"),
    ],
)
def test_the_class_of_the_views_exception_is_recorded(
    client, async_client, outbox, path, status, exception
):
    client.get(path)
    async_to_sync(async_client.get)(path)
    for event in outbox:
        assert (event.extra["status"], event.extra["exception"]) == (status, exception)


def test_a_field_that_cannot_be_read_is_omitted_and_reported(outbox, caplog):
    request = RequestFactory().get("/ok/", HTTP_USER_AGENT=5)
    EventLogMiddleware(lambda request: HttpResponse())(request)
    (event,) = outbox
    assert (event.extra["path"], event.extra["status"]) == ("/ok/", 200)
    assert "ua" not in event.extra
    assert "reading the browser and os" in caplog.text


def test_a_field_that_is_not_enabled_is_not_read(outbox, settings, caplog):
    settings.EVENTLOG = settings.EVENTLOG | {"FIELDS": ["method"]}
    request = RequestFactory().get("/ok/", QUERY_STRING=b"a=1")
    EventLogMiddleware(lambda request: HttpResponse())(request)
    assert [event.extra for event in outbox] == [{"method": "GET"}]
    assert not caplog.records


def test_the_timestamp_of_a_request_is_its_arrival(client, outbox):
    client.get("/service/")
    inner, outer = outbox
    assert outer.timestamp < inner.timestamp


@pytest.mark.django_db
def test_each_request_writes_one_event(client):
    for _ in range(3):
        client.get("/ok/")
    assert Log.objects.count() == 3


@pytest.mark.django_db
@pytest.mark.parametrize("status", [None, "unknown", float("nan")])
def test_a_response_without_a_valid_status_is_recorded(status):
    response = HttpResponse()
    response.status_code = status
    EventLogMiddleware(lambda request: response)(RequestFactory().get("/ok/"))
    assert Log.objects.get().status is None
