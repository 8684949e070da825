import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.utils.translation import override
from django.views.generic import View

from eventlog.mixins import EventLogMixin

from .shop.models import Widget

pytestmark = pytest.mark.django_db


@pytest.fixture
def mixed(outbox, settings):
    """Return the events of the mixin, without the events of requests."""
    settings.EVENTLOG = settings.EVENTLOG | {"REQUESTS": []}
    return outbox


@pytest.fixture
def widget():
    return Widget.objects.create(name="sprocket")


def test_create_view_logs_the_created_object(client, anna, mixed):
    client.force_login(anna)
    client.post("/widgets/add/", {"name": "sprocket"})
    (event,) = mixed
    widget = Widget.objects.get()
    assert (event.action, event.obj, event.user) == ("CREATED_FOO_WIDGET", widget, anna)
    assert event.extra["name"] == "sprocket"


def test_an_unbound_or_invalid_form_is_not_logged(client, mixed):
    client.get("/widgets/add/")
    client.post("/widgets/add/", {"name": ""})
    assert not mixed


def test_update_view_logs_the_changed_object(client, mixed, widget):
    client.post(f"/widgets/{widget.pk}/edit/", {"name": "gear"})
    assert (mixed[0].action, mixed[0].object_repr) == ("UPDATED_FOO_WIDGET", "gear")


@pytest.mark.parametrize("method", ["post", "delete"])
def test_delete_view_logs_the_deleted_object(client, mixed, widget, method):
    getattr(client, method)(f"/widgets/{widget.pk}/delete/")
    assert not Widget.objects.exists()
    (event,) = mixed
    assert (event.action, event.object_id, event.object_repr) == (
        "DELETED_FOO_WIDGET",
        widget.pk,
        "sprocket",
    )


def test_detail_view_logs_its_object(client, mixed, widget):
    client.get(f"/widgets/{widget.pk}/")
    assert (mixed[0].action, mixed[0].obj) == ("VIEWED_FOO_WIDGET", widget)


def test_a_missing_page_is_not_logged(client, mixed):
    assert client.get("/widgets/99/").status_code == 404
    assert not mixed


def test_list_view_logs_no_object(client, mixed):
    client.get("/widgets/")
    assert (mixed[0].action, mixed[0].object_id) == ("LISTED_FOO_WIDGET", None)


def test_the_action_of_a_view_without_a_model_has_the_views_name(client, mixed):
    client.get("/dashboard/")
    assert mixed[0].action == "VIEWED_DASHBOARD"


def test_a_plain_view_logs_an_answered_request(client, mixed):
    client.get("/plain/")
    assert [event.action for event in mixed] == ["PLAIN"]


@pytest.mark.parametrize(
    ("method", "path"), [("get", "/plain/?status=403"), ("post", "/plain/"), ("options", "/plain/")]
)
def test_a_refused_request_is_not_logged(client, mixed, method, path):
    getattr(client, method)(path)
    assert not mixed


def test_an_async_view_logs_its_request_and_user(async_client, anna, mixed):
    async_to_sync(async_client.aforce_login)(anna)
    async_to_sync(async_client.get)("/async-plain/")
    assert [(event.action, event.user) for event in mixed] == [("RAN_ASYNC_PLAIN", anna)]


def test_an_async_view_under_wsgi_logs_its_request(client, mixed):
    client.get("/async-plain/")
    assert [event.action for event in mixed] == ["RAN_ASYNC_PLAIN"]


def test_an_async_view_runs_the_log_action_of_a_subclass(rf, mixed):
    logged = []

    class Own(EventLogMixin, View):
        action = "X"

        async def get(self, request):
            from django.http import HttpResponse

            return HttpResponse("ok")

        def log_action(self):
            logged.append(self.action)

    async_to_sync(Own.as_view())(rf.get("/"))
    assert logged == ["X"]


def test_a_view_without_an_action_raises_before_it_acts(client, mixed):
    client.raise_request_exception = True
    with pytest.raises(ImproperlyConfigured, match=r"NamelessView.*Set action_kind"):
        client.post("/nameless/", {"name": "w"})
    assert not Widget.objects.exists()


def test_the_action_does_not_change_with_the_visitors_language(client, mixed):
    from django.contrib.auth.models import User

    class Some(EventLogMixin):
        action_kind = "CREATED"
        model = User

    with override("de"):
        assert Some().action == "CREATED_USER"


class ViewSet(View):
    """A viewset as in REST framework, which sets ``action`` to the name of the called method."""

    action_map = None

    def dispatch(self, request, *args, **kwargs):
        self.action = self.action_map[request.method.lower()]
        return getattr(self, self.action)(request)

    def get_object(self):
        return self.queryset.get()

    def destroy(self, request):
        self.get_object().delete()
        return HttpResponse(status=204)


@pytest.mark.parametrize(
    ("said", "action"),
    [({"action_kind": "API"}, "API_FOO_WIDGET"), ({"action": "API_USED"}, "API_USED")],
)
def test_a_viewset_of_rest_framework_logs_its_action(rf, mixed, said, action):
    pk = Widget.objects.create(name="gear").pk
    base = {"queryset": Widget.objects.all(), "action_map": {"delete": "destroy"}}
    view = type("Widgets", (EventLogMixin, ViewSet), base | said)
    view.as_view()(rf.delete("/"))
    (event,) = mixed
    assert (event.action, event.object_id, event.object_repr) == (action, pk, "gear")


def test_the_action_kind_can_be_set_in_the_urlconf(rf, mixed):
    class Some(EventLogMixin, View):
        def get(self, request):
            return HttpResponse("ok")

    Some.as_view(action_kind="SEEN")(rf.get("/"))
    assert mixed[0].action == "SEEN_SOME"


def test_action_can_be_set_as_a_whole(client, mixed):
    class Some(EventLogMixin):
        action = "WHATEVER"

    assert Some().action == "WHATEVER"


def test_the_mixin_adds_no_http_method_to_a_view():
    class Some(EventLogMixin, View):
        action = "X"

        def get(self, request): ...

    assert Some()._allowed_methods() == ["GET", "HEAD", "OPTIONS"] or set(
        Some()._allowed_methods()
    ) == {"GET", "OPTIONS"}
