"""Requests that django-request has recorded."""

import pytest
from request.models import Request

from eventlog.models import Log
from eventlog.records.redaction import MASK
from eventlog.records.user_state import ANONYMOUS, UNKNOWN

from .running import facts, imported

pytestmark = pytest.mark.django_db
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@pytest.fixture(autouse=True)
def _site(settings):
    settings.ROOT_URLCONF = "tests.packages.importers.urls"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "request.middleware.RequestMiddleware"]


def test_a_request_has_the_facts_that_the_middleware_records(client, anna):
    client.force_login(anna)
    client.get(
        "/orders/404/",
        REMOTE_ADDR="203.0.113.7",
        HTTP_USER_AGENT=AGENT,
        HTTP_REFERER="https://example.org/list/",
        HTTP_ACCEPT_LANGUAGE="de",
    )
    own = Log.objects.requests().get()
    (event,) = imported("request")
    row = Request.objects.get()
    assert (event.timestamp, event.user, event.user_repr) == (row.time, anna, "anna")
    assert (event.action, event.ip, event.status) == ("GET_ORDER", "203.0.113.7", 404)
    assert event.is_request
    missing = ("request_id", "duration_ms")
    assert event.facts == {key: fact for key, fact in own.facts.items() if key not in missing}
    assert event.extra["language"] == "de"
    assert (event.extra["is_secure"], event.extra["is_ajax"]) == (False, False)


def test_the_search_finds_imported_requests(client):
    client.get("/orders/404/", REMOTE_ADDR="203.0.113.7", HTTP_USER_AGENT="curl/8.5.0")
    Log.objects.all().delete()
    (event,) = imported("request")
    search = "is:request ip:203.0.113.7 path:/orders/ status:404 device:bot method:GET view:order"
    assert Log.objects.search(search).get() == event
    assert Log.objects.search("extra.imported.from:request.Request").get() == event


def test_a_secret_in_the_path_is_masked(client):
    client.get("/reset/c0ffee-4711c0ffee/")
    assert imported("request")[0].extra["path"] == f"/reset/{MASK}/"


def test_a_row_without_a_user_is_not_called_anonymous_unless_the_site_says_so(client, anna):
    client.get("/orders/1/")
    assert imported("request")[0].user_state == UNKNOWN
    Log.objects.all().delete()
    assert imported("request", "--restart", "--no-user=anonymous")[0].user_state == ANONYMOUS


def test_the_address_that_stands_for_none_is_left_out(client, settings):
    client.get("/orders/1/")
    Request.objects.update(ip="1.1.1.1")
    settings.REQUEST_LOG_IP = False
    (event,) = imported("request")
    assert (event.ip, "ip" in event.extra) == (None, False)


def test_fields_and_addresses_follow_the_settings_of_the_site(client, settings):
    client.get("/orders/1/", REMOTE_ADDR="203.0.113.7")
    settings.EVENTLOG = {"ANONYMIZE_IP": True, "FIELDS": ["ip", "status"]}
    (event,) = imported("request")
    assert facts(event) == {"ip": "203.0.113.0", "status": 200}
