"""Pages and exports of events whose ``extra`` is large or odd."""

import gc
import json
import tracemalloc

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import JSONField, Value
from django.template import Context, Template
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from eventlog.models import Log, log
from eventlog.review import extra_loading
from eventlog.review.event_page import CLIENT_FACTS, REQUEST_FACTS
from eventlog.review.export import formats as export
from eventlog.review.pagination import page
from eventlog.review.search.query import Search

from .events import write_request

pytestmark = [pytest.mark.django_db, pytest.mark.once]

LIST = "/admin/eventlog/log/"
FACTS = {
    "ip": "192.0.2.7",
    "method": "POST",
    "path": "/orders/7/",
    "status": 302,
    "duration_ms": 41.2,
    "device_type": "pc",
    "request_id": "abc",
}
LARGE_BYTES = 300_000


@pytest.fixture(autouse=True)
def _quiet(settings):
    settings.EVENTLOG = {"REQUESTS": []}


def nested(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


ODD = [
    None,
    True,
    "",
    " ",
    7,
    -1,
    10**400,
    -(10**400),
    1e300,
    "nan",
    "x" * 500_000,  # not more, because a packet of MariaDB holds 16 MB
    "1." * 100_000,
    [],
    {},
    [None],
    {"a": {"b": [1]}},
    nested(25),
    "<b>",
    "\x7f\u2028\u202e",
]


def odd_extras():
    yield from (dict.fromkeys([*REQUEST_FACTS, *CLIENT_FACTS], value) for value in ODD)
    yield from (Value(None, JSONField()) if value is None else value for value in ODD)


@pytest.mark.parametrize("number", range(2 * len(ODD)))
def test_any_extra_can_be_listed_shown_exported_and_counted(root, anna, number):
    extra = list(odd_extras())[number]
    shown = write_request(extra, user=anna)
    pages = ["", f"{shown.pk}/change/", "overview/", "?pick=action", "?q=path:/"]
    pages += [f"export/{kind}/" for kind in export.FORMATS]
    for each in pages:
        response = root.get(LIST + each)
        assert response.status_code == 200, each
        content = response.getvalue() if response.streaming else response.content
        assert response.streaming or len(content) < 500_000


def test_the_timeline_shows_any_extra(anna):
    for extra in odd_extras():
        log(anna, "X", obj=anna)
        Log.objects.filter(pk=Log.objects.latest("pk").pk).update(extra=extra)
    template = Template("{% load eventlog %}{% event_timeline obj %}")
    request = RequestFactory().get("/")
    html = template.render(Context({"obj": anna, "request": request}))
    assert html.count("<li") == len(ODD) * 2
    assert len(html) < 100_000


# Large documents


def large(**facts):
    extra = {**FACTS, **facts, "blob": "ab" * (LARGE_BYTES // 2)}
    return write_request(extra, action="LARGE")


def test_the_list_loads_only_the_facts_of_a_large_extra(root):
    large()
    response = root.get(LIST)
    (event,) = response.context["cl"].result_list
    assert event.extra == FACTS
    assert b"/orders/7/" in response.content
    assert b"41 ms" in response.content


def test_a_fact_that_is_large_itself_is_cut(root):
    large(path="/" * LARGE_BYTES, status="5" * LARGE_BYTES, ip="1" * LARGE_BYTES)
    response = root.get(LIST)
    (event,) = response.context["cl"].result_list
    assert len(event.extra["path"]) == extra_loading.MAX_FACT_LENGTHS["path"]
    assert len(json.dumps(event.extra)) < 4000


def test_all_of_a_small_extra_is_loaded(root):
    extra = {"title": "é", "more": [1, {"a": None}], "text": "x" * 10_000}
    write_request(extra)
    (event,) = root.get(LIST).context["cl"].result_list
    assert event.extra == extra


def test_large_events_need_no_query_each(root):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            root.get(LIST)
        return len(captured)

    large()
    queries()
    before = queries()
    for _ in range(4):
        large()
    assert queries() == before


def test_the_page_of_a_large_event_links_to_all_of_its_data(root):
    shown = large()
    html = root.get(f"{LIST}{shown.pk}/change/").content.decode()
    assert len(html) < 50_000
    assert "/orders/7/" in html
    assert "293.1\xa0KB" in html
    address = f"{LIST}export/jsonl/?id__exact={shown.pk}"
    assert address in html
    (line,) = root.get(address).getvalue().splitlines()
    assert json.loads(line)["extra"] == shown.extra


def test_the_page_of_an_event_loads_its_neighbours_in_part(root, anna):
    for _ in range(5):
        event = large()
        Log.objects.filter(pk=event.pk).update(user=anna)
    html = root.get(f"{LIST}{event.pk}/change/").content.decode()
    assert len(html) < 50_000
    assert "around this time" in html
    assert "In the same request" in html


@pytest.mark.parametrize("kind", sorted(export.FORMATS))
def test_an_export_has_all_of_a_large_extra(root, kind):
    events = [large(path=f"/{n}/") for n in range(3)]
    Log.objects.create(action="SMALL", extra={"a": 1})
    content = root.get(f"{LIST}export/{kind}/").getvalue()
    if kind == "jsonl":
        lines = [json.loads(line)["extra"] for line in content.splitlines()]
        assert lines == [{"a": 1}, *(event.extra for event in reversed(events))]
    else:
        assert len(content) > 3 * LARGE_BYTES or kind == "parquet"


def test_an_export_takes_no_more_memory_for_more_large_events(root, monkeypatch):
    monkeypatch.setattr(export, "CHUNK_BYTES", LARGE_BYTES)

    def most():
        gc.collect()
        tracemalloc.start()
        for _part in root.get(f"{LIST}export/jsonl/").streaming_content:
            pass
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    for _ in range(4):
        large()
    most()
    few = most()
    for _ in range(16):
        large()
    assert most() < few * 1.5


def test_deleting_large_events_loads_none_of_them(root):
    event = large()
    data = {"action": "delete_selected", "_selected_action": [event.pk]}
    with CaptureQueriesContext(connection) as queries:
        root.post(LIST, data)
        root.post(LIST, {**data, "post": "yes"})
    assert not Log.objects.filter(pk=event.pk).exists()
    read = [q["sql"] for q in queries if q["sql"].startswith("SELECT")]
    loaded = [sql for sql in read if "CASE WHEN" not in sql]
    assert not [sql for sql in loaded if "extra" in sql.partition(" FROM ")[0]]


@pytest.mark.parametrize("text", ["[" * 950 + "]" * 950, "[" + "9" * 5000 + "]"])
def test_a_document_that_python_cannot_read_is_shown_as_its_text(root, text):
    if connection.vendor != "sqlite" and text[1] == "[":
        pytest.skip("this database refuses it")
    event = Log.objects.create(action="X")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE eventlog_log SET extra = %s", [text])
    for each in ("", f"{event.pk}/change/", "export/jsonl/"):
        assert root.get(LIST + each).status_code == 200


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite sorts in memory")
def test_counting_sorts_no_documents_in_memory(root):
    large()
    with CaptureQueriesContext(connection) as queries:
        call_command("eventlog_count", verbosity=0)
        root.get(f"{LIST}overview/")
    reading = [q["sql"] for q in queries if '"extra"' in q["sql"] and "SELECT" in q["sql"]]
    assert reading
    for sql in reading:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            assert "TEMP B-TREE" not in str(cursor.fetchall()), sql


def test_a_search_reads_the_whole_document():
    large(title="Foo")
    found = page(Log.objects.all(), Search.parse("extra.title:Foo").plan, 10)
    assert [event.action for event in found.events] == ["LARGE"]
