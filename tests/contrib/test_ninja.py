"""The users and refusals of django-ninja's operations, sync and async."""

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User

OURS = "eventlog.middleware.EventLogMiddleware"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _site(settings, outbox):
    settings.ROOT_URLCONF = "tests.contrib.urls_ninja"


@pytest.fixture(params=["with", "without"])
def _with_or_without_middleware(request, settings):
    if request.param == "without":
        settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != OURS]


@pytest.fixture(params=["sync", "async"])
def get(request, client, async_client, anna):
    """Return a function that requests a page with a token."""
    visit = client.get if request.param == "sync" else async_to_sync(async_client.get)
    return lambda path, token="anna": visit(path, headers={"authorization": f"Bearer {token}"})


@pytest.mark.usefixtures("_with_or_without_middleware")
@pytest.mark.parametrize("path", ["/logged", "/async-logged", "/one/routed", "/two/routed"])
@pytest.mark.parametrize(("token", "status"), [("anna", 200), ("x", 401)])
def test_a_logged_operation_is_recorded_once_with_its_user_and_status(
    get, outbox, path, token, status
):
    assert get(path, token).status_code == status
    user = "anna" if status == 200 else "anonymous"
    assert [(event.action, event.extra["status"], event.user_name) for event in outbox] == [
        ("READ", status, user)
    ]


@pytest.mark.usefixtures("_with_or_without_middleware")
@pytest.mark.parametrize(
    ("path", "status"),
    [("/logged?width=x", 422), ("/async-logged?width=x", 422), ("/full", 429), ("/crash", 500)],
)
def test_a_logged_operation_is_recorded_when_it_refuses(get, outbox, path, status):
    assert get(path).status_code == status
    assert [(event.action, event.extra["status"], event.user_name) for event in outbox] == [
        ("READ", status, "anna")
    ]


@pytest.mark.usefixtures("_with_or_without_middleware")
@pytest.mark.parametrize("path", ["/exempt", "/async-exempt"])
def test_an_exempt_operation_is_not_recorded_even_if_it_refuses(get, outbox, path):
    assert get(path).status_code == 200
    assert get(path, "x").status_code == 401
    assert outbox == []


@pytest.mark.usefixtures("_with_or_without_middleware")
def test_the_outermost_of_nested_decorators_applies(get, outbox):
    get("/both")
    get("/both", "x")
    assert [event.action for event in outbox] == ["OUTER", "OUTER"]


@pytest.mark.parametrize("path", ["/plain", "/async-plain"])
def test_the_result_of_the_authentication_is_the_user(get, outbox, path):
    get(path)
    get(path, "x")
    assert [(event.user_name, event.extra["status"]) for event in outbox] == [
        ("anna", 200),
        ("anonymous", 401),
    ]


@pytest.mark.parametrize("key", ["text", "object"])
def test_a_result_of_the_authentication_that_is_not_a_user_is_ignored(client, outbox, caplog, key):
    assert client.get("/plain", headers={"x-key": key}).status_code == 200
    assert [event.user_name for event in outbox] == ["anonymous"]
    assert "Logging failed" not in caplog.text


def test_the_user_of_a_token_precedes_the_user_of_the_session(client, anna, outbox):
    client.force_login(User.objects.create_user("berta"))
    client.get("/session")
    client.get("/plain", headers={"authorization": "Bearer anna"})
    assert [event.user_name for event in outbox] == ["berta", "anna"]
