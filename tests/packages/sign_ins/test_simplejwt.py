"""Sign-ins with djangorestframework-simplejwt."""

import pytest
from asgiref.sync import async_to_sync

from eventlog.models import Log

from ...contrib.sign_ins.conftest import PASSWORD
from ...contrib.sign_ins.signed import actions, events, the_event

pytestmark = pytest.mark.usefixtures("sign_in_site")

ANNA = {"username": "anna", "password": PASSWORD}


@pytest.mark.parametrize("path", ["/token/", "/token/sliding/"])
def test_a_login_for_a_token_is_recorded_without_the_token(client, anna, path):
    tokens = client.post(path, ANNA).json()
    event = the_event("LOGGED_IN")
    assert (event.user, event.extra["via"], event.extra["path"]) == (anna, "token", path)
    stored = str([event.extra for event in Log.objects.all()])
    assert not any(token in stored for token in tokens.values())


def test_a_login_for_a_token_is_recorded_under_asgi(async_client, anna):
    async_to_sync(async_client.post)("/token/", ANNA)
    assert the_event("LOGGED_IN").user == anna


def test_a_failed_login_for_a_token_is_recorded_once(client):
    client.post("/token/", ANNA | {"password": "hunter2"})
    event = the_event("LOGIN_FAILED")
    assert (event.extra["username"], event.extra["path"]) == ("anna", "/token/")
    assert "hunter2" not in str(event.extra)


def test_a_view_that_hides_the_token_gives_an_event_without_a_user(client):
    client.post("/token/hidden/", ANNA)
    assert the_event("LOGGED_IN").user is None


def test_a_refreshed_token_is_not_a_login(client):
    refresh = client.post("/token/", ANNA).json()["refresh"]
    assert client.post("/token/refresh/", {"refresh": refresh}).status_code == 200
    assert actions() == ["LOGGED_IN"]


def test_a_token_on_the_blacklist_is_a_logout(client, anna):
    refresh = client.post("/token/", ANNA).json()["refresh"]
    assert client.post("/token/blacklist/", {"refresh": refresh}).status_code == 200
    assert client.post("/token/blacklist/", {"refresh": refresh}).status_code == 401
    assert [(event.action, event.user) for event in events()] == [
        ("LOGGED_IN", anna),
        ("LOGGED_OUT", anna),
    ]
