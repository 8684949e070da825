import csv
import gc
import json
from datetime import UTC, datetime
from io import BytesIO, StringIO
from weakref import WeakSet

import pyarrow.parquet as pq
import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.signals import post_init

from eventlog.models import Log, log
from eventlog.review.export import formats as export

from .events import write_request

pytestmark = pytest.mark.django_db

LIST = "/admin/eventlog/log/"


@pytest.fixture(autouse=True)
def _quiet(settings):
    settings.EVENTLOG = {"REQUESTS": [], "ACCESS": {"export": False}}


def parquet(response):
    return pq.read_table(BytesIO(response.getvalue()))


def lines(response):
    return list(csv.reader(StringIO(response.getvalue().decode("utf-8-sig"))))


def test_a_csv_file_has_a_line_for_each_event_of_the_list(root, anna):
    facts = {"ip": "192.0.2.7", "total": 7}
    write_request(facts, action="BOUGHT", user=anna, user_repr="anna", obj=anna, object_repr="anna")
    log(None, "SEEN")
    head, row = lines(root.get(f"{LIST}export/csv/", {"q": "user:anna"}))
    shown = dict(zip(head, row, strict=True))
    assert shown["user"] == shown["object"] == "anna"
    assert (shown["action"], shown["object_type"], shown["ip"]) == (
        "BOUGHT",
        "auth.user",
        "192.0.2.7",
    )
    assert json.loads(shown["extra"])["total"] == 7


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@a", "\tx", "\rx", "\nx", "=HYPERLINK()"])
def test_no_cell_can_become_a_formula(root, cell):
    write_request({"path": cell}, action=cell, user_repr=cell, object_repr=cell)
    _head, row = lines(root.get(f"{LIST}export/csv/"))
    assert sum(value == f"'{cell}" for value in row) == 4
    assert not any(value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for value in row)


def test_json_lines_have_all_of_extra(root, anna):
    log(anna, "BOUGHT", extra={"é": [1, {"a": None}]})
    response = root.get(f"{LIST}export/jsonl/")
    assert json.loads(response.getvalue())["extra"] == {"é": [1, {"a": None}]}


@pytest.mark.parametrize("query", ["", "path:/a/"])
def test_chunks_of_an_export_miss_no_event(root, monkeypatch, query):
    monkeypatch.setattr(export, "CHUNK_EVENTS", 3)
    for n in range(10):
        write_request({"path": "/a/"}, action=f"E{n}")
    response = root.get(f"{LIST}export/jsonl/", {"q": query})
    assert response.streaming
    actions = [json.loads(line)["action"] for line in response.getvalue().splitlines()]
    assert actions == [f"E{n}" for n in reversed(range(10))]


@pytest.mark.parametrize("kind", sorted(export.FORMATS))
def test_at_most_one_chunk_is_in_memory(root, monkeypatch, kind):
    monkeypatch.setattr(export, "CHUNK_EVENTS", 10)
    Log.objects.bulk_create(Log(action=f"E{n}") for n in range(100))
    alive = WeakSet()

    def note(instance, **kwargs):
        alive.add(instance)

    post_init.connect(note, sender=Log)
    most = parts = 0
    for part in root.get(f"{LIST}export/{kind}/").streaming_content:
        parts += bool(part)
        gc.collect()
        most = max(most, len(alive))
    post_init.disconnect(note, sender=Log)
    assert parts >= 10
    assert 10 <= most <= 20


def test_a_parquet_file_has_a_typed_column_for_each_fact(root, anna):
    moment = datetime(2026, 1, 31, 9, 30, 0, 1, tzinfo=UTC)
    extra = {"ip": "192.0.2.7", "status": 200, "duration_ms": 41.2, "total": 7}
    who = {"user": anna, "user_repr": "anna", "obj": anna, "object_repr": "anna"}
    write_request(extra, action="BOUGHT", timestamp=moment, **who)
    (row,) = parquet(root.get(f"{LIST}export/parquet/")).to_pylist()
    assert json.loads(row.pop("extra")) == extra
    assert {name: value for name, value in row.items() if value is not None} == {
        "time": moment,
        "user": "anna",
        "user_state": "known",
        "action": "BOUGHT",
        "object_type": "auth.user",
        "object_key": str(anna.pk),
        "object": "anna",
        "ip": "192.0.2.7",
        "status": 200,
        "duration_ms": 41.2,
    }


ODD = [None, True, "x", 10**30, 1e300, {"a": []}, [1]]


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("kind", sorted(export.FORMATS))
def test_a_fact_of_another_type_breaks_no_file(root, kind, value):
    write_request(dict.fromkeys(export.FACTS, value))
    response = root.get(f"{LIST}export/{kind}/")
    if kind != "parquet":
        assert b"X" in response.getvalue()
    else:
        (row,) = parquet(response).to_pylist()
        assert row["status"] is row["duration_ms"] is None
        assert json.loads(row["extra"]) == Log.objects.get().extra


@pytest.mark.parametrize("kind", sorted(export.FORMATS))
def test_a_lone_surrogate_breaks_no_file(root, kind):
    if connection.vendor != "sqlite":
        pytest.skip("this database refuses it")
    write_request({"path": "\ud800"})
    assert b"X" in root.get(f"{LIST}export/{kind}/").getvalue()


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_an_export_is_streamed_under_asgi(root, async_client, monkeypatch, kind):
    monkeypatch.setattr(export, "CHUNK_EVENTS", 2)
    for n in range(5):
        log(None, f"E{n}")
    async_client.cookies = root.cookies

    async def get():
        response = await async_client.get(f"{LIST}export/{kind}/")
        assert response.is_async
        return [piece async for piece in response.streaming_content]

    pieces = async_to_sync(get)()
    assert len(pieces) > 1
    assert b"".join(pieces) == root.get(f"{LIST}export/{kind}/").getvalue()


def test_a_search_with_an_error_exports_nothing(root):
    log(None, "X", {"ip": "192.0.2.7"})
    response = root.get(f"{LIST}export/csv/?q=ip:192.0.2.300", follow=True)
    assert response.redirect_chain == [(f"{LIST}?q=ip%3A192.0.2.300", 302)]
    page = response.content.decode()
    assert "Nothing was exported" in page
    assert "is not an address or a network" in page


def test_an_export_needs_the_permission_to_view_events(client):
    client.force_login(User.objects.create_user("staff", is_staff=True))
    assert client.get(f"{LIST}export/csv/").status_code == 403
    assert client.get(f"{LIST}overview/").status_code == 403


def test_an_unknown_format_is_not_found(root):
    assert root.get(f"{LIST}export/exe/").status_code == 404
