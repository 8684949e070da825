import pickle

import pytest
from asgiref.sync import async_to_sync

from eventlog.conf import Misconfigured
from eventlog.decorators import log_request

from . import views

OURS = "eventlog.middleware.EventLogMiddleware"
LOGGED = [
    ("/logged/", "SEEN", 200),
    ("/alogged/", "ASEEN", 200),
    ("/logged-class/", "CLASS_SEEN", 200),
    ("/logged-async-class/", "ASYNC_CLASS_SEEN", 200),
    ("/logged-method/", "METHOD_SEEN", 200),
    ("/logged-crash/", "GET_LOGGED_CRASH", 500),
    ("/logged-missing/", "GET_LOGGED_MISSING", 404),
    ("/logged-template/", "TEMPLATE_SEEN", 200),
    ("/alogged-template/", "TEMPLATE_SEEN", 200),
    ("/logged-broken-template/", "TEMPLATE_SEEN", 500),
]


@pytest.fixture(params=[True, False], ids=["with middleware", "without middleware"])
def middleware(request, settings, outbox):
    """Install or remove the middleware, whose rules record nothing here."""
    settings.EVENTLOG = settings.EVENTLOG | {"REQUESTS": []}
    if not request.param:
        settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != OURS]
    return request.param


@pytest.fixture(params=["sync", "async"])
def get(request, client, async_client):
    return client.get if request.param == "sync" else async_to_sync(async_client.get)


@pytest.mark.parametrize(("path", "action", "status"), LOGGED)
def test_a_decorated_view_records_one_event(get, middleware, outbox, path, action, status):
    assert get(path).status_code == status
    (event,) = outbox
    assert (event.action, event.extra["status"]) == (action, status)
    assert event.extra["path"] == path


@pytest.mark.parametrize(("path", "action", "status"), LOGGED)
def test_a_decorated_view_records_one_event_when_a_rule_matches_too(
    get, middleware, outbox, settings, path, action, status
):
    settings.EVENTLOG = settings.EVENTLOG | {"REQUESTS": [{}]}
    get(path)
    assert [event.action for event in outbox] == [action]


def test_the_exception_of_a_decorated_view_is_recorded(get, middleware, outbox):
    get("/logged-crash/")
    assert outbox[0].extra["exception"] == "RuntimeError"


def test_the_extra_of_the_decorator_is_added(get, middleware, outbox):
    get("/logged/")
    assert outbox[0].extra["why"] == "decorated"


@pytest.mark.parametrize("path", ["/exempt/", "/aexempt/", "/exempt-class/", "/exempt-in-urlconf/"])
def test_an_exempt_view_records_no_event(get, middleware, outbox, settings, path):
    settings.EVENTLOG = settings.EVENTLOG | {"REQUESTS": [{}]}
    assert get(path).content == b"ok"
    assert not outbox


def test_a_template_response_can_be_pickled_as_soon_as_it_is_rendered(rf, outbox):
    pickled = []
    response = views.logged_template(rf.get("/"))
    response.add_post_render_callback(lambda rendered: pickled.append(pickle.dumps(rendered)))
    response.render()
    assert pickled
    assert [event.action for event in outbox] == ["TEMPLATE_SEEN"]


def test_the_rule_of_a_view_applies_when_another_decorator_answers(client, outbox):
    assert client.get("/private/").status_code == 302
    assert [event.action for event in outbox] == ["PRIVATE"]


def test_the_settings_rules_apply_when_the_views_rule_does_not_match(
    get, middleware, outbox, settings
):
    settings.EVENTLOG = settings.EVENTLOG | {"REQUESTS": [{}]}
    get("/logged-posts/")
    assert [event.action for event in outbox] == (["GET_LOGGED_POSTS"] if middleware else [])


def test_an_async_view_that_is_decorated_twice_records_one_event(get, middleware, outbox):
    get("/logged-twice/")
    assert [event.action for event in outbox] == ["OUTER"]


def test_a_decorated_view_keeps_its_name_and_docstring():
    @log_request("X")
    def some_view(request):
        """Its text."""

    assert (some_view.__name__, some_view.__doc__) == ("some_view", "Its text.")


def test_an_unknown_option_raises_when_the_view_is_decorated():
    with pytest.raises(
        Misconfigured, match=r"log_request\(\) has the unknown key 'acton'.*'action'"
    ):
        log_request(acton="X")
