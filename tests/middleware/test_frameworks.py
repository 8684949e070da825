"""@log_request on views of django-ninja and REST framework, with and without the middleware."""

import pytest
from asgiref.sync import async_to_sync

from eventlog.decorators import log_request

OURS = "eventlog.middleware.EventLogMiddleware"
RESPONSES = [
    ("/api/dict", 200),
    ("/api/tuple", 201),
    ("/api/status", 400),
    ("/api/none", 200),
    ("/api/generator", 200),
    ("/api/async-dict?width=3", 200),
    ("/api/async-dict?width=wide", 422),
    ("/api/http-error", 418),
    ("/api/unauthenticated", 401),
    ("/rest/", 202),
    ("/rest-error/", 429),
    ("/rest-view/7/", 200),
    ("/foreign-error/", 500),
]

pytestmark = pytest.mark.filterwarnings("ignore:Returning tuple:DeprecationWarning")


@pytest.fixture(autouse=True)
def _site(settings, outbox):
    settings.ROOT_URLCONF = "tests.urls_api"


@pytest.fixture
def _without_middleware(settings, _site):
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != OURS]


@pytest.fixture(params=["sync", "async"])
def get(request, client, async_client):
    return client.get if request.param == "sync" else async_to_sync(async_client.get)


@pytest.mark.usefixtures("_without_middleware")
@pytest.mark.parametrize(("path", "status"), RESPONSES)
def test_a_decorated_view_is_recorded_with_the_status_of_its_response(get, outbox, path, status):
    assert get(path).status_code == status
    (event,) = outbox
    assert event.extra["path"] == path.partition("?")[0]
    assert event.extra["status"] == status


@pytest.mark.parametrize(("path", "status"), RESPONSES)
def test_with_the_middleware_the_event_has_the_status_of_the_response(get, outbox, path, status):
    get(path)
    assert [event.extra["status"] for event in outbox] == [status]


@pytest.mark.usefixtures("_without_middleware")
def test_the_return_value_of_an_operation_is_not_changed(client, outbox):
    assert client.get("/api/dict").json() == {"width": 1}
    assert client.get("/api/generator").json() == [1, 2]
    assert client.get("/api/async-dict?width=3").json() == {"width": 3}


@pytest.mark.usefixtures("_without_middleware")
def test_an_operation_with_string_annotations_keeps_its_signature(client, outbox):
    size = {"width": 1, "is_rendered": False}
    assert client.post("/api/schema", size, "application/json").json() == size
    assert client.post("/api/schema", {}, "application/json").status_code == 422
    assert client.get("/api/exempt?width=3").json() == {"width": 3}
    assert client.get("/api/exempt").status_code == 422
    assert [event.extra["status"] for event in outbox] == [200, 422]


@pytest.mark.usefixtures("_without_middleware")
def test_a_condition_on_the_status_sees_the_response_of_an_operation(client, outbox):
    client.get("/api/some-statuses?code=201")
    assert outbox == []
    client.get("/api/some-statuses")
    assert [event.action for event in outbox] == ["GET_200"]


def test_a_condition_on_the_status_does_not_match_an_unknown_one(rf, outbox):
    def view(request):
        return {"width": 1}  # another framework makes the response

    log_request(status=200)(view)(rf.get("/"))
    assert outbox == []
    log_request(action="{method}_{status}")(view)(rf.get("/"))
    assert [event.action for event in outbox] == ["GET_NONE"]
