"""The viewset mixin, and the users and refusals of REST framework in the events of requests."""

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate

from eventlog.models import Log
from tests.shop.models import Widget

from .urls_rest import WidgetViewSet

OURS = "eventlog.middleware.EventLogMiddleware"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _site(settings, outbox):
    settings.ROOT_URLCONF = "tests.contrib.urls_rest"


@pytest.fixture
def mixed(settings, outbox):
    """Return the events of the mixin, without the events of requests."""
    settings.EVENTLOG = settings.EVENTLOG | {"REQUESTS": []}
    return outbox


@pytest.fixture
def api(anna):
    """Return a client that sends anna's token."""
    return APIClient(raise_request_exception=False, HTTP_AUTHORIZATION="Token anna")


@pytest.fixture
def widget():
    return Widget.objects.create(name="sprocket")


def facts(event):
    return event.action, event.object_id, event.object_repr, event.user_name


def test_a_create_is_logged_with_the_new_object_and_the_user(api, mixed):
    assert api.post("/widgets/", {"name": "gear"}).status_code == 201
    (event,) = mixed
    assert facts(event) == ("CREATED_FOO_WIDGET", Widget.objects.get().pk, "gear", "anna")
    assert (event.extra["verb"], event.extra["path"]) == ("create", "/widgets/")


@pytest.mark.parametrize("method", ["put", "patch"])
def test_an_update_is_logged_with_the_changed_object(api, mixed, widget, method):
    getattr(api, method)(f"/widgets/{widget.pk}/", {"name": "gear"})
    assert [facts(event) for event in mixed] == [("UPDATED_FOO_WIDGET", widget.pk, "gear", "anna")]


def test_a_delete_is_logged_with_the_key_of_the_deleted_object(api, mixed, widget):
    api.delete(f"/widgets/{widget.pk}/")
    assert not Widget.objects.exists()
    assert [facts(event) for event in mixed] == [
        ("DELETED_FOO_WIDGET", widget.pk, "sprocket", "anna")
    ]


def test_a_named_method_is_logged_and_an_unnamed_one_is_not(api, mixed, widget):
    for name in ("polish", "unnamed"):
        assert api.post(f"/widgets/{widget.pk}/{name}/").status_code == 200
    assert api.post("/widgets/sweep/").status_code == 204
    assert [(event.action, event.object_id) for event in mixed] == [
        ("POLISHED_FOO_WIDGET", widget.pk),
        ("SWEPT_WIDGET", None),
    ]


def test_reading_is_logged_only_if_it_is_named_and_a_verb_can_be_turned_off(api, mixed, widget):
    api.get("/widgets/")
    api.get(f"/widgets/{widget.pk}/")
    api.options("/widgets/")
    assert mixed == []
    api.get(f"/silent/{widget.pk}/")
    api.delete(f"/silent/{widget.pk}/")
    assert [event.action for event in mixed] == ["VIEWED_FOO_WIDGET"]


def test_a_failed_request_is_not_logged(api, mixed, widget):
    assert api.post("/widgets/", {"name": ""}).status_code == 400
    assert api.put("/widgets/99/", {"name": "gear"}).status_code == 404
    assert api.post(f"/widgets/{widget.pk}/refuse/").status_code == 403
    assert api.put("/widgets/", {"name": "gear"}).status_code == 405
    api.credentials(HTTP_AUTHORIZATION="Token unknown")
    assert api.delete(f"/widgets/{widget.pk}/").status_code == 401
    assert mixed == []


def test_a_list_of_objects_is_logged_as_one_event_without_an_object(api, mixed):
    api.post("/widgets/", [{"name": "a"}, {"name": "b"}], format="json")
    assert Widget.objects.count() == 2
    assert [(event.action, event.object_id) for event in mixed] == [("CREATED_WIDGET", None)]


def test_a_generic_view_is_logged_by_its_http_method(api, mixed):
    api.post("/list/", {"name": "gear"})
    api.get("/list/")
    assert [event.action for event in mixed] == ["CREATED_FOO_WIDGET"]


def test_a_viewset_without_a_model_is_named_after_its_class(api, mixed):
    api.post("/chores/")
    assert [event.action for event in mixed] == ["CREATED_CHORES"]


def test_an_event_is_rolled_back_with_its_object(api, settings):
    settings.EVENTLOG = {"REQUESTS": []}
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        api.post("/widgets/", {"name": "gear"})
        assert Log.objects.get().obj == Widget.objects.get()
        1 / 0  # noqa: B018
    assert not Log.objects.exists()
    assert not Widget.objects.exists()


def test_a_forced_user_is_the_user_of_both_events(settings, anna, outbox):
    client = APIClient()
    client.force_authenticate(anna)
    client.post("/widgets/", {"name": "gear"})
    assert [(event.action, event.user_name) for event in outbox] == [
        ("CREATED_FOO_WIDGET", "anna"),
        ("POST_WIDGET_LIST", "anna"),
    ]


def test_a_forced_user_of_a_request_factory_is_logged_without_the_middleware(anna, mixed):
    request = APIRequestFactory().post("/", {"name": "gear"})
    force_authenticate(request, anna)
    assert WidgetViewSet.as_view({"post": "create"})(request).status_code == 201
    assert [(event.action, event.user_name) for event in mixed] == [("CREATED_FOO_WIDGET", "anna")]


def test_the_user_of_a_token_is_the_user_of_the_request_event(api, outbox):
    User.objects.create_user("berta")
    api.force_login(User.objects.get(username="berta"))
    api.get("/widgets/")
    assert [(event.action, event.user_name) for event in outbox] == [("GET_WIDGET_LIST", "anna")]


REFUSED = [
    ("/method/", "Token unknown", 401, "anonymous"),
    ("/permission/", "Token anna", 403, "anna"),
    ("/throttle/", "Token anna", 429, "anna"),
]


@pytest.mark.parametrize(("path", "token", "status", "user"), REFUSED)
def test_the_rule_of_a_method_applies_to_a_request_that_is_refused_before_the_call(
    client, anna, outbox, path, token, status, user
):
    assert client.get(path, headers={"authorization": token}).status_code == status
    (event,) = outbox
    assert (event.action, event.extra["status"], event.user_name) == ("READ", status, user)


@pytest.mark.parametrize(("path", "token", "status", "user"), REFUSED)
def test_an_exempt_method_is_not_recorded_when_it_is_refused(
    client, anna, outbox, path, token, status, user
):
    assert client.post(path, headers={"authorization": token}).status_code == status
    assert outbox == []


@pytest.mark.parametrize("middleware", [True, False])
@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("/whole/", "Token unknown", 401),
        ("/decorated/", "", 403),
        ("/whole-throttle/", "Token anna", 429),
    ],
)
def test_a_decorated_view_is_recorded_when_it_refuses(
    client, settings, anna, outbox, middleware, path, token, status
):
    if not middleware:
        settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != OURS]
    assert client.get(path, headers={"authorization": token}).status_code == status
    assert [(event.action, event.extra["status"]) for event in outbox] == [("READ", status)]
