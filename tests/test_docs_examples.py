"""The examples in README and documents run, and do what the text says."""

import re
import shlex
import sys
import unittest
from datetime import timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.core.management import load_command_class
from django.db import connection
from django.template import Context, Template
from django.test import RequestFactory, TestCase, override_settings
from django.test.utils import isolate_apps
from django.utils import timezone
from django.views.generic import CreateView

from eventlog.checks import check_settings
from eventlog.models import Log, log
from eventlog.records.record import Record
from eventlog.records.redaction import MASK, redact

from .shop.models import Country, Widget
from .test_docs import BACKENDS, INCIDENT, PAGES, README, REVIEW, SETTINGS


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def containing(text, part, language="python"):
    """Return the one example of a page that contains ``part``."""
    (found,) = [block for block in blocks(text, language) if part in block]
    return found


EXAMPLES = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(blocks(page.read_text(), "python"), 1)
]
CONFIGURATIONS = [
    block for text in (README, BACKENDS) for block in blocks(text, "python") if "OPTIONS" in block
]
APPS = {  # of commands of optional parts
    "eventlog_copy": "eventlog.contrib.archive",
    "eventlog_clickhouse": "eventlog.contrib.clickhouse",
    "eventlog_forward": "eventlog.contrib.forward",
    "eventlog_import": "eventlog.contrib.importers",
}
COMMANDS = sorted(
    {
        (name, re.split("#| > ", arguments)[0].strip())
        for page in PAGES
        for name, arguments in re.findall(r"manage\.py (eventlog_\w+)([^`\n]*)", page.read_text())
        if arguments.strip()
    }
)


@pytest.fixture
def names(anna, monkeypatch):
    """Return what the examples take for granted."""
    # strawberry looks up the module of a class.
    monkeypatch.setitem(sys.modules, "example", ModuleType("example"))
    request = RequestFactory().get("/")
    request.user = anna
    yield {
        "__name__": "example",
        "admin": admin,
        "anna": anna,
        "CreateView": CreateView,
        "end": timezone.now(),
        "event": SimpleNamespace(extra={"request_id": "7f3a"}),
        "Log": Log,
        "log": log,
        "Order": Country,
        "override_settings": override_settings,
        "place_order": lambda user: log(user, "ORDER_PLACED"),
        "request": request,
        "TestCase": TestCase,
        "start": timezone.now() - timedelta(days=1),
        "timedelta": timedelta,
        "user": anna,
        "Widget": Widget,
        "widget": Widget.objects.create(name="Foo"),
    }
    if admin.site.is_registered(Country):
        admin.site.unregister(Country)


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_python_example_runs(example, names):
    for package in ("celery", "channels", "django.tasks", "strawberry"):
        if package in example:
            pytest.importorskip(package)
    if "(models.Model)" not in example:
        exec(example, names)
        return
    with isolate_apps("tests.shop"):  # Other tests do not see the models of an example.
        exec(example, names | {"__name__": "tests.shop.example"})


def test_the_first_example_logs_an_event(names):
    exec(blocks(README, "python")[0], names)
    event = Log.objects.get()
    assert event.user_name == "anna"
    assert event.action == "CREATED_FOO_WIDGET"
    assert event.obj == names["widget"]
    assert event.extra["colour"] == "red"


def test_the_mixin_of_the_readme_logs_the_new_object(names):
    exec(containing(README, "EventLogMixin"), names)
    request = RequestFactory().post("/", {"name": "Foo"})
    request.user = names["anna"]
    view = names["WidgetCreate"].as_view(fields=["name"], success_url="/")
    assert view(request).status_code == 302
    event = Log.objects.get()
    assert event.action == "CREATED_FOO_WIDGET"
    assert event.obj == Widget.objects.latest("pk")


def test_the_views_of_the_readme_record_and_exempt(names, outbox):
    exec(containing(README, "log_exempt").replace("sample=0.1", "sample=1"), names)
    names["search"](names["request"])
    names["healthz"](names["request"])
    assert [event.action for event in outbox] == ["SEARCHED"]


def test_the_test_of_the_readme_passes(names):
    exec(containing(README, "EventLogAssertions"), names)
    case = names["OrderTests"]("test_placing_an_order_is_logged")
    case.user = names["anna"]
    result = unittest.TestResult()
    case.run(result)
    assert result.testsRun == 1
    assert result.wasSuccessful()


def test_the_rules_of_the_readme_pass_the_checks_and_record_all_other_requests(
    settings, client, outbox
):
    settings.ROOT_URLCONF = "tests.urls_plain"
    named: dict[str, Any] = {}
    exec(containing(README, "REQUESTS"), named)
    settings.EVENTLOG = named["EVENTLOG"] | settings.EVENTLOG
    assert check_settings() == []
    client.get("/no/such/page/")
    client.get("/crash/")
    client.get("/healthz")
    assert [event.extra["status"] for event in outbox] == [404, 500]


@pytest.mark.spool
@pytest.mark.parametrize("example", CONFIGURATIONS)
def test_each_configuration_of_a_backend_passes_the_checks(example, settings, tmp_path):
    if "celery" in example:
        pytest.importorskip("celery")
    named: dict[str, Any] = {}
    exec(example.replace("/var/lib/mysite/eventlog", str(tmp_path / "spool")), named)
    settings.EVENTLOG = named["EVENTLOG"]
    assert check_settings() == []


def test_the_backend_of_the_settings_page_takes_records(capsys):
    named: dict[str, Any] = {}
    exec(containing(SETTINGS, "BaseBackend"), named)
    assert named["PrintBackend"]().write([Record.build(None, "ORDER_PAID")]) == ()
    assert "ORDER_PAID" in capsys.readouterr().out


def test_the_router_of_the_settings_page_sends_only_events_to_their_database():
    named: dict[str, Any] = {}
    exec(containing(SETTINGS, "EventRouter"), named)
    router = named["EventRouter"]()
    assert (router.db_for_read(Log), router.db_for_write(Log)) == ("events", "events")
    assert router.db_for_write(Widget) is None
    assert router.allow_migrate("events", "eventlog")
    assert not router.allow_migrate("default", "eventlog")
    assert not router.allow_migrate("events", "shop")


def names_after(heading, end):
    """Return the names in code style between a bold heading of the settings page and ``end``."""
    text = SETTINGS.partition(f"**{heading}**")[2].partition(end)[0]
    return re.findall(r"`(\w+)`", text)


def test_the_names_on_the_settings_page_are_masked_or_kept_as_it_says():
    secret = names_after("By name.", "and similar names")
    harmless = names_after("By name.", "- **")[len(secret) :]
    numeric = names_after("Numbers by name.", "and similar names")
    assert min(map(len, (secret, harmless, numeric))) > 5
    assert set(redact(dict.fromkeys(secret, "hunter2")).values()) == {MASK}
    assert set(redact(dict.fromkeys(harmless, "hunter2")).values()) == {"hunter2"}
    assert set(redact(dict.fromkeys(numeric, 7)).values()) == {MASK}
    assert redact({"account_key": "main", "primary_key": "q7Xk29ZpLm4"}) == {
        "account_key": "main",
        "primary_key": "q7Xk29ZpLm4",
    }


def test_the_template_example_shows_the_history_of_an_object(anna):
    widget = Widget.objects.create(name="Foo")
    log(anna, "ORDER_PAID", obj=widget)
    example, style = blocks(REVIEW, "html")
    assert '"/static/eventlog/timeline.css"' in Template(style).render(Context())
    html = Template(example).render(Context({"order": widget}))
    assert html.count("ORDER_PAID") == 2


@pytest.mark.skipif(connection.vendor != "postgresql", reason="the SQL of PostgreSQL")
@pytest.mark.django_db
def test_the_sql_examples_run():
    for statement in blocks(REVIEW, "sql"):
        with connection.cursor() as cursor:
            # The test runs in a transaction, in which PostgreSQL builds no index concurrently.
            cursor.execute(statement.replace("CONCURRENTLY ", ""))


@pytest.mark.parametrize(("name", "arguments"), COMMANDS)
def test_each_command_line_is_accepted(name, arguments):
    if name == "eventlog_clickhouse":
        pytest.importorskip("clickhouse_connect")  # in the group ``packages``
    command = load_command_class(APPS.get(name, "eventlog"), name)
    assert command.create_parser("manage.py", name).parse_args(shlex.split(arguments))


@pytest.mark.django_db
def test_each_search_in_the_documents_is_understood(admin_client, anna):
    table = REVIEW.partition("| term | finds |")[2].partition("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines()[2:]]
    searches = [term for row in rows for term in re.findall(r"`(.+?)`", row)]
    searches += re.findall(r"^    (user:.+)$", README, re.MULTILINE)
    assert len(searches) > 20
    for search in searches:
        page = admin_client.get(
            "/admin/eventlog/log/", {"q": search.replace("shop.order", "shop.widget")}
        )
        assert 'role="alert"' not in page.text, search


@pytest.mark.django_db
def test_each_search_of_the_incident_is_understood(admin_client):
    searches = re.findall(r"(?:```text\n|`|--search \")(-?\w+:[^`\n\"]+)", INCIDENT)
    assert len(searches) > 4
    for search in searches:
        page = admin_client.get("/admin/eventlog/log/", {"q": search})
        assert 'role="alert"' not in page.text, search


@pytest.mark.django_db
def test_a_search_with_a_mistake_is_reported(admin_client):
    assert 'role="alert"' in admin_client.get("/admin/eventlog/log/", {"q": "device:phone"}).text


def test_the_example_of_model_changes_logs_only_what_differs(names):
    page = next(page for page in PAGES if page.name == "model-changes.md").read_text()
    exec(containing(page, "import diff"), names)
    renamed, imported = Log.objects.order_by("pk")
    assert renamed.changes == {"name": ["Foo", "Bar"]}
    assert imported.changes == {"price": [9, 12]}
    exec(containing(page, "log_changes"), names)
    request = RequestFactory().post("/", {"name": "Baz"})
    request.user = names["anna"]
    names["WidgetEdit"].as_view()(request, pk=names["widget"].pk)
    assert Log.objects.latest("pk").changes == {"name": ["Bar", "Baz"]}


def test_the_setting_of_the_page_of_model_changes_has_valid_options(settings):
    page = next(page for page in PAGES if page.name == "model-changes.md").read_text()
    named: dict[str, Any] = {}
    exec(containing(page, '"MODEL_CHANGES"'), named)
    settings.EVENTLOG = named["EVENTLOG"]
    assert check_settings() == []
