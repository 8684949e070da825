"""Logins, logouts, failures and lockouts that django-axes has recorded."""

from datetime import timedelta

import pytest
from axes.models import AccessFailureLog, AccessLog
from django.contrib.auth.models import User

from eventlog.models import Log
from eventlog.records.user_state import KNOWN

from .running import events, imported, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed(client, zora, settings):
    """The rows of a failure, a lockout, a login and a logout."""
    settings.ROOT_URLCONF = "tests.packages.importers.urls"
    settings.AXES_ENABLED = settings.AXES_ENABLE_ACCESS_FAILURE_LOG = True
    settings.AXES_FAILURE_LIMIT = 2
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "axes.middleware.AxesMiddleware"]
    settings.AUTHENTICATION_BACKENDS = [
        "axes.backends.AxesStandaloneBackend",
        "django.contrib.auth.backends.ModelBackend",
    ]
    agent = {"HTTP_USER_AGENT": "curl/8.5.0", "REMOTE_ADDR": "203.0.113.7"}
    client.post("/admin/login/", {"username": "zora", "password": "secret"}, **agent)
    client.post("/admin/logout/")
    for _ in range(2):
        client.post("/admin/login/", {"username": "zora", "password": "wrong"}, **agent)
    return AccessLog.objects.get(), *AccessFailureLog.objects.order_by("pk")


def test_each_row_becomes_the_events_that_eventlog_records(signed, zora):
    access, failure, lockout = signed
    found = imported("axes")
    assert [(event.action, event.timestamp) for event in found] == [
        ("LOGGED_IN", access.attempt_time),
        ("LOGGED_OUT", access.logout_time),
        ("LOGIN_FAILED", failure.attempt_time),
        ("LOCKED_OUT", lockout.attempt_time),
    ]
    assert [(event.user, event.user_repr) for event in found] == [
        (zora, "zora"),
        (zora, "zora"),
        (None, ""),
        (None, ""),
    ]
    assert [event.extra.get("username") for event in found] == [None, None, "zora", "zora"]
    assert len({event.uid for event in found}) == 4


def test_the_search_finds_the_facts_of_a_login(signed):
    imported("axes")
    (event,) = Log.objects.search(
        "action:LOCKED_OUT ip:203.0.113.7 path:/admin/login/ device:bot extra.username:zora"
    )
    assert event.extra["imported"] == {"from": "axes.AccessFailureLog", "pk": signed[2].pk}
    assert not event.is_request


def test_a_session_is_not_part_of_the_event(signed):
    assert signed[0].session_hash
    assert not any(signed[0].session_hash in str(event.extra) for event in imported("axes"))


def test_a_deleted_account_keeps_its_name(signed, zora):
    zora.delete()
    event = imported("axes")[0]
    assert (event.user, event.user_repr, event.user_state) == (None, "zora", KNOWN)


def test_a_login_before_the_account_was_created_was_of_another_person(signed, zora):
    User.objects.update(date_joined=signed[0].attempt_time + timedelta(days=1))
    event = imported("axes")[0]
    assert (event.user, event.user_repr) == (None, "zora")


def test_missing_headers_are_left_out(signed):
    AccessLog.objects.update(user_agent="<unknown>", path_info="<unknown>", http_accept="")
    run("axes", "--final", "--table=axes.AccessLog")
    assert events()[0].extra.keys() == {"ip", "imported"}
