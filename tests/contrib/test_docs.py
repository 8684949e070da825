"""The examples for REST framework and django-ninja on the page about APIs do what it says."""

from types import ModuleType

import pytest
from django.urls import path
from rest_framework.test import APIClient

from tests.shop.models import Country
from tests.test_docs import ROOT
from tests.test_docs_examples import containing

PAGE = (ROOT / "docs" / "apis.md").read_text()

pytestmark = pytest.mark.django_db


@pytest.fixture
def example(settings):
    """Return a function that runs an example and returns its names."""

    def run(part, routes):
        names = {"__name__": "example", "Order": Country}
        exec(containing(PAGE, part), names)
        site = ModuleType("site")
        site.urlpatterns = routes(names)
        settings.ROOT_URLCONF = site
        settings.EVENTLOG = settings.EVENTLOG | {"REQUESTS": []}
        return names

    return run


@pytest.fixture
def api(anna):
    client = APIClient()
    client.force_authenticate(anna)
    return client


def test_the_table_of_verbs_has_the_actions_of_the_viewset(example, api, outbox):
    example(
        "class OrderSerializer",
        lambda names: [
            path("orders/", names["OrderViewSet"].as_view({"post": "create"})),
            path(
                "orders/<pk>/",
                names["OrderViewSet"].as_view(
                    {"put": "update", "patch": "partial_update", "delete": "destroy"}
                ),
            ),
        ],
    )
    api.post("/orders/", {"code": "7"})
    api.put("/orders/7/", {"code": "7"})
    api.patch("/orders/7/", {"code": "7"})
    api.delete("/orders/7/")
    rows = [row.split("`")[-2] for row in PAGE.splitlines() if "/orders/" in row and "|" in row]
    actions = [event.action.replace("COUNTRY", "ORDER") for event in outbox]
    assert actions == rows
    assert {(event.object_id, event.user_name) for event in outbox} == {("7", "anna")}


def test_the_named_methods_are_logged(example, api, outbox):
    def routes(names):
        view = names["OrderViewSet"].as_view({"post": "publish", "delete": "destroy"})
        return [path("<pk>/", view)]

    example("PUBLISHED", routes)
    Country.objects.create(code="7")
    api.post("/7/")
    api.delete("/7/")
    (event,) = outbox
    assert (event.action, event.extra["version"]) == ("PUBLISHED_COUNTRY", None)


def test_the_decorated_views_of_rest_framework_are_recorded(example, client, outbox):
    example("class Balance", lambda names: [path("", names["Balance"].as_view())])
    client.head("/")
    client.get("/")
    example("def rates", lambda names: [path("", names["rates"])])
    client.get("/")
    assert [event.action for event in outbox] == ["BALANCE_READ", "RATES_READ"]


def test_the_operations_are_recorded_even_if_they_are_refused(example, client, anna, outbox):
    example("NinjaAPI", lambda names: [path("", names["api"].urls)])
    client.post("/orders?code=7")
    client.get("/health")
    client.force_login(anna)
    client.post("/orders?code=7")
    client.get("/health")
    assert [(event.action, event.extra["status"], event.user_name) for event in outbox] == [
        ("ORDER_PLACED", 401, "anonymous"),
        ("ORDER_PLACED", 200, "anna"),
    ]


def test_the_function_names_the_action(example, client, outbox):
    names = example("def name_by_format", lambda names: [])
    from django.http import HttpResponse

    view = names["log_request"](action=names["name_by_format"])(lambda request: HttpResponse())
    example("def name_by_format", lambda names: [path("", view)])
    client.get("/")
    client.get("/?format=csv")
    assert [event.action for event in outbox] == ["REPORT_VIEWED", "REPORT_EXPORTED"]
