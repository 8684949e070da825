"""Accounts that a person has hijacked with django-hijack."""

import re

import pytest
from asgiref.sync import async_to_sync
from django.contrib import admin
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.urls import include, path

import eventlog
from eventlog.checks import check_settings
from eventlog.models import Log, alog, log

from ..contrib.sign_ins.conftest import PASSWORD, sign_ins  # noqa: F401 (a fixture)
from ..contrib.sign_ins.signed import events

MIDDLEWARE = "hijack.middleware.HijackUserMiddleware"
pytestmark = pytest.mark.django_db


def plain(request):
    return HttpResponse()


def order(request):
    log(request.user, "ORDERED")
    return HttpResponse()


def order_in_a_block(request):
    with eventlog.context(reason="ticket 4711"):
        log(request.user, "ORDERED")
    return HttpResponse()


def leave(request):
    logout(request)
    return HttpResponse()


async def async_order(request):
    await alog(await request.auser(), "ORDERED")
    return HttpResponse()


urlpatterns = [
    path("admin/", admin.site.urls),
    path("hijack/", include("hijack.urls")),
    path("plain/", plain),
    path("order/", order),
    path("order-in-a-block/", order_in_a_block),
    path("async-order/", async_order),
    path("leave/", leave),
]


@pytest.fixture(autouse=True)
def _site(settings):
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, MIDDLEWARE]
    settings.HIJACK_INSERT_BEFORE = None


@pytest.fixture
def zora(db):
    return User.objects.create_superuser("zora", password=PASSWORD)


@pytest.fixture
def anna(db):
    return User.objects.create_user("anna")


@pytest.fixture
def bert(db):
    return User.objects.create_superuser("bert")


@pytest.fixture
def hijacked(client, zora, anna):
    """A client in which zora has hijacked the account of anna."""
    client.force_login(zora)
    hijack(client, anna)
    return client


def hijack(client, account):
    assert client.post("/hijack/acquire/", {"user_pk": account.pk}).status_code == 302


def release(client):
    assert client.post("/hijack/release/").status_code == 302


def latest(number=1):
    return list(Log.objects.order_by("-pk")[:number])


def tables_read(queries):
    found = [re.match(r"SELECT .* FROM \W(\w+)", query["sql"]) for query in queries]
    return [match[1] for match in found if match]


def persons(found):
    return {
        (event.user_name, event.extra.get("acting_user"), event.extra.get("acting_user_id"))
        for event in found
    }


def test_the_start_and_the_end_are_events_of_the_person_about_the_account(hijacked, zora, anna):
    release(hijacked)
    assert [(event.action, event.user, event.obj) for event in events()] == [
        ("HIJACK_STARTED", zora, anna),
        ("HIJACK_ENDED", zora, anna),
    ]
    assert all("acting_user" not in event.extra for event in events())
    assert events()[0].extra["path"] == "/hijack/acquire/"


@pytest.mark.parametrize("page", ["/order/", "/order-in-a-block/"])
def test_each_event_during_a_hijack_has_the_person_who_acts(hijacked, zora, page):
    hijacked.get(page)
    assert persons(latest(2)) == {("anna", "zora", str(zora.pk))}


def test_async_events_during_a_hijack_have_the_person_who_acts(async_client, zora, anna):
    async_client.force_login(zora)
    async_to_sync(async_client.post)("/hijack/acquire/", {"user_pk": anna.pk})
    async_to_sync(async_client.get)("/async-order/")
    assert persons(latest(2)) == {("anna", "zora", str(zora.pk))}


def test_after_the_end_the_person_acts_in_their_own_name(hijacked):
    release(hijacked)
    hijacked.get("/order/")
    assert persons(latest(2)) == {("zora", None, None)}


def test_in_nested_hijacks_the_first_person_acts(client, zora, bert, anna):
    client.force_login(zora)
    hijack(client, bert)
    hijack(client, anna)
    client.get("/order/")
    assert persons(latest(2)) == {("anna", "zora", str(zora.pk))}
    release(client)
    client.get("/order/")
    assert persons(latest(2)) == {("bert", "zora", str(zora.pk))}
    release(client)
    client.get("/order/")
    assert persons(latest(2)) == {("zora", None, None)}
    assert [(event.user, event.obj) for event in events() if "HIJACK" in event.action] == [
        (zora, bert),
        (zora, anna),
        (zora, anna),
        (zora, bert),
    ]


def test_a_logout_during_a_hijack_has_the_person_who_acts(hijacked, zora):
    hijacked.get("/leave/")
    assert persons(latest()) == {("anna", "zora", str(zora.pk))}
    hijacked.get("/order/")
    assert persons(latest(2)) == {("anonymous", None, None)}


def test_a_page_that_does_not_read_the_session_stays_as_cheap(hijacked):
    with CaptureQueriesContext(connection) as queries:
        response = hijacked.get("/plain/")
    assert tables_read(queries) == []
    assert "Vary" not in response.headers
    assert persons(latest()) == {("not known", None, None)}


def test_a_page_that_reads_the_session_costs_no_further_query(hijacked):
    with CaptureQueriesContext(connection) as queries:
        hijacked.get("/order/")
    assert tables_read(queries) == ["django_session", "auth_user"]


def test_load_user_finds_the_person_together_with_the_account(hijacked, settings, zora):
    settings.EVENTLOG = {**getattr(settings, "EVENTLOG", {}), "LOAD_USER": True}
    response = hijacked.get("/plain/")
    assert "Vary" not in response.headers
    assert persons(latest()) == {("anna", "zora", str(zora.pk))}


def test_a_hijack_from_before_the_installation_has_the_key_of_the_person(hijacked, zora):
    session = hijacked.session
    del session["eventlog_hijack_person"]
    session.save()
    hijacked.get("/order/")
    assert persons(latest(2)) == {("anna", str(zora.pk), str(zora.pk))}


@pytest.mark.usefixtures("sign_ins")
def test_sign_ins_records_a_hijack_neither_as_a_login_nor_twice(settings, client, zora):
    settings.ROOT_URLCONF = __name__
    client.post("/admin/login/", {"username": "zora", "password": PASSWORD})
    hijack(client, User.objects.get(username="anna"))
    release(client)
    actions = [event.action for event in events() if event.user == zora]
    assert actions == ["LOGGED_IN", "HIJACK_STARTED", "HIJACK_ENDED"]
    assert not Log.objects.filter(action="LOGGED_IN").exclude(user=zora).exists()


def test_the_site_names_the_actions(hijacked, settings, anna):
    settings.EVENTLOG = {"SIGN_INS": {"hijack_ended": "IMPERSONATION_ENDED"}}
    assert not [each for each in check_settings() if each.id == "eventlog.W014"]
    release(hijacked)
    assert [event.action for event in events()] == ["HIJACK_STARTED", "IMPERSONATION_ENDED"]


def test_an_event_that_cannot_be_written_stops_no_hijack(client, zora, anna, settings):
    settings.EVENTLOG = {"SIGN_INS": {"hijack_started": "x" * 300}}
    client.force_login(zora)
    hijack(client, anna)
    client.get("/order/")
    assert persons(latest(2)) == {("anna", "zora", str(zora.pk))}


def test_the_events_of_the_person_are_found(hijacked, zora):
    hijacked.get("/order/")
    found = Log.objects.search("acting_user:zora action:ORDERED")
    assert [event.user_name for event in found] == ["anna"]
