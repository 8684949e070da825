import csv
import json
from io import StringIO

import pytest
from django.contrib.auth.models import User

from eventlog.models import Log, log
from eventlog.review import export

pytestmark = pytest.mark.django_db

LIST = "/admin/eventlog/log/"


@pytest.fixture(autouse=True)
def _quiet(settings):
    settings.EVENTLOG = {"REQUESTS": []}


@pytest.fixture
def root(client):
    client.force_login(User.objects.create_superuser("root"))
    return client


def lines(response):
    return list(csv.reader(StringIO(response.getvalue().decode("utf-8-sig"))))


def test_a_csv_file_has_a_line_for_each_event_of_the_list(root, anna):
    log(anna, "BOUGHT", obj=anna, extra={"ip": "192.0.2.7", "total": 7})
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
    Log.objects.create(action=cell, user_repr=cell, object_repr=cell, extra={"path": cell})
    _head, row = lines(root.get(f"{LIST}export/csv/"))
    assert sum(value == f"'{cell}" for value in row) == 4
    assert not any(value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for value in row)


def test_json_lines_have_all_of_it(root, anna):
    log(anna, "BOUGHT", extra={"é": [1, {"a": None}]})
    response = root.get(f"{LIST}export/jsonl/")
    assert json.loads(response.getvalue())["extra"] == {"é": [1, {"a": None}]}


@pytest.mark.parametrize("query", ["", "path:/a/"])
def test_an_export_is_read_in_chunks_that_miss_nothing(root, monkeypatch, query):
    monkeypatch.setattr(export, "CHUNK", 3)
    for n in range(10):
        log(None, f"E{n}", extra={"path": "/a/"})
    response = root.get(f"{LIST}export/jsonl/", {"q": query})
    assert response.streaming
    actions = [json.loads(line)["action"] for line in response.getvalue().splitlines()]
    assert actions == [f"E{n}" for n in reversed(range(10))]


def test_only_who_may_see_events_can_export_them(client):
    client.force_login(User.objects.create_user("staff", is_staff=True))
    assert client.get(f"{LIST}export/csv/").status_code == 403
    assert client.get(f"{LIST}overview/").status_code == 403


def test_a_format_that_there_is_not_is_not_found(root):
    assert root.get(f"{LIST}export/exe/").status_code == 404
