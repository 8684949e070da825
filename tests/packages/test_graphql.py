"""The actions and extra of the requests of strawberry's view, sync and async."""

import json
import subprocess
import sys
from types import ModuleType

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.urls import path

from eventlog.checks import check_settings
from eventlog.contrib.graphql import (
    MAX_BYTES,
    MAX_DOCUMENT_LENGTH,
    action_of_named_operation,
    action_of_operation,
    extra_of_operation,
)
from tests.test_docs import ROOT
from tests.test_docs_examples import containing

OURS = "eventlog.middleware.EventLogMiddleware"


@pytest.fixture(autouse=True)
def _site(settings, outbox):
    settings.ROOT_URLCONF = "tests.packages.urls_apis"


@pytest.fixture(params=["sync", "async"])
def post(request, client, async_client):
    """Return a function that posts an operation to the sync or the async view."""

    def post(document, view="graphql", **parameters):
        body = document if isinstance(document, list) else {"query": document, **parameters}
        if request.param == "sync":
            return client.post(f"/{view}/", body, "application/json")
        return async_to_sync(async_client.post)(f"/async-{view}/", body, "application/json")

    return post


OPERATIONS = [
    ("{ size }", "QUERY", None),
    ("query Size { size }", "QUERY", "Size"),
    ("mutation PlaceOrder { placeOrder }", "MUTATION", "PlaceOrder"),
    ("mutation PlaceOrder($n: String = \"{\") { placeOrder(name: $n) }", "MUTATION", "PlaceOrder"),
    ("# mutation X { }\nquery @skip(if: false) { size }", "QUERY", None),
    ("fragment query on Query { size } mutation M { placeOrder }", "MUTATION", "M"),
]  # fmt: skip


@pytest.mark.parametrize("middleware", [True, False])
@pytest.mark.parametrize(("document", "kind", "name"), OPERATIONS)
def test_the_kind_of_an_operation_is_the_action_and_its_name_is_in_extra(
    post, settings, outbox, middleware, document, kind, name
):
    if not middleware:
        settings.MIDDLEWARE = [path for path in settings.MIDDLEWARE if path != OURS]
    assert post(document).status_code in (200, 400)
    assert [(event.action, event.extra.get("operation")) for event in outbox] == [
        (f"GRAPHQL_{kind}", name)
    ]


def test_the_parameter_operation_name_selects_the_operation(post, outbox):
    document = "query A { size } mutation PlaceOrder { placeOrder }"
    post(document, "named", operationName="PlaceOrder")
    post(document, "named", operationName="A")
    post(document, "named", operationName="Absent")
    assert [event.action for event in outbox] == [
        "GRAPHQL_MUTATION_PLACE_ORDER",
        "GRAPHQL_QUERY",
        "GRAPHQL",
    ]


def test_only_the_names_of_the_site_become_actions(post, outbox):
    for document in (
        "query PlaceOrder { size }",
        "mutation PlaceOrder { placeOrder }",
        "mutation Invented { placeOrder }",
        "query Size { size }",
    ):
        post(document, "named")
    assert [event.action for event in outbox] == [
        "GRAPHQL_QUERY_PLACE_ORDER",
        "GRAPHQL_MUTATION_PLACE_ORDER",
        "GRAPHQL_MUTATION",
        "GRAPHQL_QUERY_SIZE",
    ]


def test_a_batch_has_an_action_of_its_own_and_the_sum_of_the_errors(post, outbox):
    broken = '{ size(of: "broken") }'
    post([{"query": "{ size }"}, {"query": broken}, {"query": broken}])
    (event,) = outbox
    assert (event.action, event.extra["graphql_errors"]) == ("GRAPHQL_BATCH", 2)


def test_the_errors_of_a_response_with_status_200_are_counted(post, outbox):
    for document in ('query Size { size(of: "broken") }', "{ nothing }", "{ size }"):
        assert post(document).status_code == 200
    assert [event.extra.get("graphql_errors") for event in outbox] == [1, 1, None]
    assert [event.extra["status"] for event in outbox] == [200, 200, 200]


@pytest.mark.parametrize("path", ["/graphql/", "/async-graphql/"])
def test_a_query_in_the_url_is_read(client, outbox, path):
    client.get(path, {"query": "query A { size } query Size { size }", "operationName": "Size"})
    client.get(path, headers={"accept": "text/html"})  # the page for trying queries
    assert [(event.action, event.extra.get("operation")) for event in outbox] == [
        ("GRAPHQL_QUERY", "Size"),
        ("GRAPHQL", None),
    ]


@pytest.mark.parametrize("path", ["/graphql/", "/async-graphql/"])
def test_an_operation_with_uploads_is_read(client, outbox, path):
    operations = json.dumps({"query": "mutation PlaceOrder { placeOrder }"})
    assert client.post(path, {"operations": operations, "map": "{}"}).status_code == 200
    assert [event.action for event in outbox] == ["GRAPHQL_MUTATION"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("{", "application/json"),
        ("7", "application/json"),
        ('{"query": 7, "operationName": {}}', "application/json"),
        ("[" * 100_000, "application/json"),
        (b"\xff\xfe", "application/json"),
        (
            json.dumps({"query": "{ size }", "variables": {"x": "x" * MAX_BYTES}}),
            "application/json",
        ),
        (json.dumps({"query": "#" * MAX_DOCUMENT_LENGTH + "\n{ size }"}), "application/json"),
        ("query { size }", "text/plain"),
        ("--x--", "multipart/form-data; boundary=y"),
    ],
    ids=range(9),
)
def test_a_body_without_a_readable_operation_has_the_plain_action(
    client, outbox, caplog, body, content_type
):
    client.post("/graphql/", body, content_type)
    assert [event.action for event in outbox] == ["GRAPHQL"]
    assert "Logging failed" not in caplog.text


def test_a_rule_of_the_settings_names_the_function_by_its_dotted_path(client, settings, outbox):
    module = "eventlog.contrib.graphql"
    settings.EVENTLOG = settings.EVENTLOG | {
        "REQUESTS": [
            {
                "path": "^/undecorated/$",
                "action": f"{module}.action_of_operation",
                "extra": f"{module}.extra_of_operation",
            }
        ]
    }
    client.post("/undecorated/", {"query": "query Size { size }"}, "application/json")
    assert [(event.action, event.extra["operation"]) for event in outbox] == [
        ("GRAPHQL_QUERY", "Size")
    ]


def test_a_cancelled_request_has_an_action_and_no_errors(rf):
    request = rf.post("/", {"query": "{ size }"}, "application/json")
    assert action_of_operation(request, None) == "GRAPHQL_QUERY"
    assert extra_of_operation(request, None) == {}


@pytest.mark.parametrize("name", ["", "a b", "x" * 81, "ä", ["PlaceOrder"]])
def test_a_name_that_no_operation_can_have_is_refused(name):
    with pytest.raises(ImproperlyConfigured, match="is not the name of a GraphQL operation"):
        action_of_named_operation(name)


def test_settings_can_import_the_module_before_django_is_set_up():
    subprocess.run([sys.executable, "-c", "import eventlog.contrib.graphql"], check=True)


def test_the_examples_of_the_page_record_what_it_says(settings, async_client, outbox, monkeypatch):
    page = (ROOT / "docs" / "apis.md").read_text()
    monkeypatch.setitem(sys.modules, "example", ModuleType("example"))
    names = {"__name__": "example"}
    exec(containing(page, "action_of_named_operation"), names)
    site = ModuleType("site")
    site.urlpatterns = [
        path("named/", names["graphql"]),
        path("graphql/", names["graphql"].__wrapped__),
    ]
    settings.ROOT_URLCONF = site
    post = async_to_sync(async_client.post)
    for document in ("query Orders { orders }", "query Invented { orders }"):
        post("/named/", {"query": document}, "application/json")
    exec(containing(page, '"path": "^/graphql/$"'), names)
    settings.EVENTLOG = settings.EVENTLOG | names["EVENTLOG"]
    assert check_settings() == []
    post("/graphql/", {"query": "query Orders { orders }"}, "application/json")
    assert [(event.action, event.extra["operation"]) for event in outbox] == [
        ("GRAPHQL_QUERY_ORDERS", "Orders"),
        ("GRAPHQL_QUERY", "Invented"),
        ("GRAPHQL_QUERY", "Orders"),
    ]
