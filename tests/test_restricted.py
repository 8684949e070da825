"""An admin whose ``get_queryset()`` hides events: no page, count or file shows them."""

import json

import pytest
from django.contrib import admin as django_admin
from django.contrib.auth.models import User
from django.urls import path

from eventlog import admin
from eventlog.models import Log
from eventlog.review import database_reader
from eventlog.review.restriction import is_restricted

from .events import write_request

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

LIST = "/limited/eventlog/log/"


class Limited(admin.LogAdmin):
    def get_queryset(self, request):
        return super().get_queryset(request).exclude(action__startswith="SECRET")


site = django_admin.AdminSite("limited")
site.register(Log, Limited)
urlpatterns = [path("limited/", site.urls)]


@pytest.fixture(autouse=True)
def _quiet(settings):
    settings.EVENTLOG = {"REQUESTS": []}


@pytest.fixture
def root(client, anna):
    client.force_login(User.objects.create_superuser("root"))
    for action in ("SEEN", "SECRET_ONE", "SEEN", "SECRET_TWO"):
        facts = {"ip": "192.0.2.7", "request_id": "abc", "path": "/a/"}
        write_request(facts, action=action, user=anna, user_repr="anna")
    return client


def test_the_list_and_its_count_leave_hidden_events_out(root):
    for query in ("", "?q=user:anna", "?q=ip:192.0.2.7", "?q=path:/a/", "?q=action:SECRET*"):
        html = root.get(LIST + query).content.decode()
        assert "SECRET_" not in html


def test_a_count_of_more_than_a_page_leaves_hidden_events_out(root, monkeypatch):
    monkeypatch.setattr(Limited, "list_per_page", 1)
    monkeypatch.setattr(database_reader, "estimate_row_count", lambda: 10**6)
    assert root.get(LIST).context["cl"].how_many() == ("exactly", 2)


def test_the_actions_of_the_period_leave_hidden_events_out(root):
    changes = root.get(LIST, {"pick": "action"}).context["cl"]
    assert [(choice.label, choice.events) for choice in changes.actions()] == [("SEEN", 2)]
    assert changes.counted_newest is None


def test_a_limited_count_leaves_hidden_events_out(root, monkeypatch):
    monkeypatch.setattr(database_reader, "MAX_ACTION_EVENTS", 1)
    response = root.get(LIST, {"pick": "action"})
    assert [choice.events for choice in response.context["cl"].actions()] == [1]
    assert "Counted in the newest event." in response.content.decode()


def test_an_export_leaves_hidden_events_out(root):
    lines = root.get(f"{LIST}export/jsonl/").getvalue().splitlines()
    assert [json.loads(line)["action"] for line in lines] == ["SEEN", "SEEN"]


def test_the_page_of_an_event_leaves_hidden_events_out(root):
    seen = Log.objects.action("SEEN").earliest("pk")
    html = root.get(f"{LIST}{seen.pk}/change/").content.decode()
    assert "In the same request" in html
    assert "SECRET_" not in html


def test_a_hidden_event_has_no_page(root):
    hidden = Log.objects.action("SECRET_ONE").get()
    assert root.get(f"{LIST}{hidden.pk}/change/").status_code == 302


def test_only_a_queryset_that_leaves_events_out_is_restricted():
    events = Log.objects.all()
    assert not is_restricted(events)
    assert not is_restricted(events.select_related("user").order_by("pk").defer("extra"))
    assert is_restricted(events.exclude(action="X"))
    assert is_restricted(events.none())
    assert is_restricted(events[:5])
    assert is_restricted(events.union(events))
