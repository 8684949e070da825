import os
import random

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import translation

from eventlog.metadata import user_agent
from eventlog.middleware import EventLogMiddleware
from eventlog.models import Log, log

KEYS = {
    "ip", "method", "path", "query", "route", "view", "status", "duration_ms", "ua", "browser",
    "os", "device", "device_type", "referer", "request_id",
}  # fmt: skip
AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/120.0 Safari/537.36"
)


def test_the_facts_of_a_request(client, outbox):
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
        "request_id": "abc-123",
    }


def test_unknown_facts_are_absent(client, outbox):
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
def test_an_exception_of_the_view_is_named(client, async_client, outbox, path, status, exception):
    client.get(path)
    async_to_sync(async_client.get)(path)
    for event in outbox:
        assert (event.extra["status"], event.extra["exception"]) == (status, exception)


@pytest.mark.parametrize(
    ("path", "masked"),
    [
        ("/shop/reset/hunter2/", "/shop/reset/********/"),
        ("/shop/otp/042137/", "/shop/otp/********/"),
        ("/shop/invite-hunter2/", "/shop/invite-********/"),
        ("/shop/ticket/deadbeef99/", "/shop/ticket/********/"),  # a number, to the view
    ],
)
def test_a_secret_in_the_path_is_masked_also_where_it_is_the_referer(client, outbox, path, masked):
    client.get(path, HTTP_REFERER=f"https://testserver{path}")
    assert outbox[0].extra["path"] == masked
    assert outbox[0].extra["referer"] == f"https://testserver{masked}"


@pytest.mark.parametrize(
    "path",
    ["/reset/MQ/hunter2/", "/de/reset/MQ/hunter2/", "/en/reset/MQ/hunter2"],
)
def test_it_is_masked_in_any_language_and_in_none(client, outbox, settings, path):
    settings.ROOT_URLCONF = "tests.urls_translated"
    client.get(path, HTTP_REFERER=f"https://testserver{path}")
    assert "hunter2" not in str(outbox[0].extra)


def test_it_is_masked_in_a_path_that_is_translated(client, outbox, settings):
    settings.ROOT_URLCONF = "tests.urls_translated"
    for language, path in (("en", "/anew/hunter2/"), ("de", "/neu/hunter2/")):
        with translation.override(language):
            client.get("/nowhere/", HTTP_REFERER=f"https://testserver{path}")
            client.get(path)
    assert [event.extra.get("status") for event in outbox] == [404, 200, 404, 200]
    assert "hunter2" not in str([event.extra for event in outbox])


def test_it_is_masked_in_a_pattern_of_the_sites_own_in_any_language(client, outbox, settings):
    settings.ROOT_URLCONF = "tests.urls_own"
    for language in ("en", "de"):
        with translation.override(language):
            client.get("/", HTTP_REFERER=f"https://testserver/in-{language}/code/hunter2/")
    assert [event.extra["referer"] for event in outbox] == [
        "https://testserver/in-en/code/********/",
        "https://testserver/in-de/code/********/",
    ]


@pytest.mark.parametrize(
    ("path", "masked"),
    [
        ("/lazy/hunter2secret/", "/lazy/********/"),
        ("/optional/hunter2secret/", "/optional/********/"),
        ("/optional/hunter2secret", "/optional/********"),
        ("/either/1234567890abcdef/", "/either/********/"),
        ("/page/hunter2secret/", "/page/********/"),
        ("/page/hunter2secret/7/", "/page/********/7/"),
        ("/api/hunter2/", "/api/********/"),
        ("/api/users/5/", "/api/users/5/"),
        ("/hunter2/", "/********/"),
        ("/wp-admin/setup.php", "/wp-admin/setup.php"),
    ],
)
def test_it_is_masked_however_the_pattern_is_written(client, outbox, settings, path, masked):
    settings.ROOT_URLCONF = "tests.urls_secrets"
    client.get(path, HTTP_REFERER=f"https://testserver{path}")
    client.get(path.rstrip("/"))
    first, second = outbox
    assert (first.extra["path"], first.extra["referer"]) == (masked, f"https://testserver{masked}")
    assert second.extra["path"] == masked.rstrip("/")


@pytest.mark.parametrize("behind", ["/)", "/.", "%20"])
def test_it_is_masked_with_what_a_mailer_puts_behind_it(client, outbox, behind):
    client.get(f"/shop/reset/hunter2{behind}")
    client.get(
        f"/shop/reset/x/{behind}", HTTP_REFERER=f"http://testserver/shop/reset/hunter2{behind}"
    )
    assert "hunter2" not in str([event.extra for event in outbox])


def test_a_query_that_a_mailer_has_encoded_is_one_all_the_same(client, outbox):
    client.get("/ok%3Ftoken%3Dhunter2&page=2")
    assert outbox[0].extra["path"] == "/ok?token=********&page=2"


@pytest.mark.parametrize(
    ("referer", "headers"),
    [
        ("https://Shop.example:443/shop/reset/hunter2/", {"HTTP_HOST": "shop.example"}),
        ("https://shop.example/shop/reset/hunter2/", {"HTTP_X_FORWARDED_HOST": "shop.example"}),
        ("https://testserver/shop/reset/%68unter2/", {}),
    ],
)
def test_the_page_before_is_ours_under_whatever_name(client, outbox, referer, headers):
    client.get("/ok/", HTTP_REFERER=referer, **headers)
    assert outbox[0].extra["referer"].endswith("/shop/reset/********/")


SECURE = [
    "eventlog.middleware.EventLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
]


@pytest.mark.parametrize(
    ("path", "status", "values"),
    [
        ("/shop/reset/hunter2", 301, {}),
        ("/shop/key/hunter2", 301, {}),
        ("/shop/reset/hunter2/", 301, {"SECURE_SSL_REDIRECT": True, "MIDDLEWARE": SECURE}),
        ("/shop/reset/hunter2/", 400, {"ALLOWED_HOSTS": ["elsewhere"]}),
    ],
)
def test_it_is_masked_where_the_answer_came_before_the_view(
    client, outbox, settings, path, status, values
):
    for name, value in values.items():
        setattr(settings, name, value)
    assert client.get(path).status_code == status
    assert "hunter2" not in str(outbox[0].extra)
    assert outbox[0].extra["path"].startswith(path.partition("hunter2")[0] + "****")


@pytest.mark.parametrize("rest", ["/", "/?next=/a/", "/#top", ""])
def test_it_is_masked_where_the_page_before_had_it(client, outbox, rest):
    client.get("/ok/", HTTP_REFERER=f"https://testserver/shop/reset/hunter%202{rest}")
    assert outbox[0].extra["referer"] == f"https://testserver/shop/reset/********{rest}"


def test_the_patterns_of_user_agents_are_loaded_before_anybody_waits(settings):
    user_agent.parse.cache_clear()
    settings.EVENTLOG = {"FIELDS": ["ip", "path"]}
    EventLogMiddleware(lambda request: None)
    assert user_agent.parse.cache_info().currsize == 0
    settings.EVENTLOG = {}
    EventLogMiddleware(lambda request: None)
    assert user_agent.parse.cache_info().currsize == 1


def test_a_converter_that_fails_costs_no_event(client, outbox):
    client.get("/ok/", HTTP_REFERER="https://testserver/shop/odd/hunter2/")
    assert outbox[0].action == "GET_OK"


def test_of_another_site_the_referer_is_as_it_was_sent(client, outbox):
    client.get("/ok/", HTTP_REFERER="https://example.org/shop/reset/hunter2/")
    assert outbox[0].extra["referer"] == "https://example.org/shop/reset/hunter2/"


@pytest.mark.parametrize("sent", ["", "a b", "x" * 200, "é", "<script>"])
def test_a_request_id_that_is_none_is_replaced(client, outbox, sent):
    client.get("/ok/", HTTP_X_REQUEST_ID=sent)
    assert len(outbox[0].extra["request_id"]) == 32


def test_each_request_has_an_id_of_its_own_where_a_view_seeds_pythons_generator(client, outbox):
    for _ in range(2):
        random.seed(7)
        client.get("/ok/")
    first, second = (event.extra["request_id"] for event in outbox)
    assert first != second


def test_each_request_has_an_id_of_its_own_after_a_fork(client, outbox):
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        client.get("/ok/")
        os.write(writing, outbox[0].extra["request_id"].encode())
        os._exit(0)
    client.get("/ok/")
    os.waitpid(child, 0)
    assert os.read(reading, 32).decode() != outbox[0].extra["request_id"]


def test_a_fact_that_cannot_be_read_is_left_out_and_said(outbox, caplog):
    request = RequestFactory().get("/ok/", HTTP_USER_AGENT=5)
    EventLogMiddleware(lambda request: HttpResponse())(request)
    (event,) = outbox
    assert (event.extra["path"], event.extra["status"]) == ("/ok/", 200)
    assert "ua" not in event.extra
    assert "reading the ua and browser" in caplog.text


def test_a_fact_that_is_not_wanted_is_not_read(outbox, settings, caplog):
    settings.EVENTLOG = settings.EVENTLOG | {"FIELDS": ["method"]}
    request = RequestFactory().get("/ok/", QUERY_STRING=b"a=1")
    EventLogMiddleware(lambda request: HttpResponse())(request)
    assert [event.extra for event in outbox] == [{"method": "GET"}]
    assert not caplog.records


def test_log_at_any_depth_knows_where_it_came_from(client, outbox):
    client.get("/service/", REMOTE_ADDR="192.0.2.7")
    inner, outer = outbox
    assert inner.action == "DEEP_DOWN"
    assert inner.extra["request_id"] == outer.extra["request_id"]
    assert (inner.extra["path"], inner.extra["view"]) == ("/service/", "service")
    assert (inner.extra["n"], inner.extra["ip"]) == (1, "mine")  # the caller's own wins
    assert "status" not in inner.extra


@pytest.mark.parametrize("path", ["/aservice/", "/mixed/"])
def test_log_in_async_code_knows_it_too(async_client, outbox, path):
    async_to_sync(async_client.get)(path)
    inner, outer = outbox
    assert inner.extra["request_id"] == outer.extra["request_id"]
    assert inner.extra["view"] == path.strip("/")


def test_enrich_can_be_switched_off(client, outbox, settings):
    settings.EVENTLOG = settings.EVENTLOG | {"ENRICH": False}
    client.get("/service/")
    assert outbox[0].extra == {"n": 1, "ip": "mine"}


def test_after_the_request_log_is_on_its_own(client, outbox):
    client.get("/crash/")
    log(None, "LATER")
    assert outbox[-1].extra == {}


def test_the_event_has_the_time_at_which_the_request_came_in(client, outbox):
    client.get("/service/")
    inner, outer = outbox
    assert outer.timestamp < inner.timestamp


@pytest.mark.django_db
def test_one_event_per_request(client):
    for _ in range(3):
        client.get("/ok/")
    assert Log.objects.count() == 3
