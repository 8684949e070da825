"""Sign-ins with django-axes."""

import pytest

from ...contrib.sign_ins.conftest import PASSWORD
from ...contrib.sign_ins.signed import actions, events

pytestmark = pytest.mark.usefixtures("_limit")


@pytest.fixture
def _limit(sign_in_site, settings):
    settings.AXES_ENABLED = True
    settings.AXES_FAILURE_LIMIT = 2
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "axes.middleware.AxesMiddleware"]
    settings.AUTHENTICATION_BACKENDS = [
        "axes.backends.AxesStandaloneBackend",
        *settings.AUTHENTICATION_BACKENDS,
    ]


def test_a_lockout_is_recorded_with_the_failures_before_it(client):
    for password in ("wrong", "wrong", PASSWORD):
        client.post("/admin/login/", {"username": "anna", "password": password})
    assert sorted(actions()[:3]) == ["LOCKED_OUT", "LOGIN_FAILED", "LOGIN_FAILED"]
    assert "LOGGED_IN" not in actions()
    lockouts = [event for event in events() if event.action == "LOCKED_OUT"]
    assert {event.extra["username"] for event in lockouts} == {"anna"}
    assert {event.extra["ip"] for event in lockouts} == {"127.0.0.1"}
    assert all(event.user is None for event in lockouts)


def test_a_login_is_recorded_once(client, anna):
    client.post("/admin/login/", {"username": "anna", "password": PASSWORD})
    assert [(event.action, event.user) for event in events()] == [("LOGGED_IN", anna)]
