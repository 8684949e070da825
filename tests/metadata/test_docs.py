"""The page about context does what it says."""

import re
from types import ModuleType

import pytest
from django.contrib.auth.models import User
from django.urls import path

from eventlog.models import Log

from ..shop.models import Widget
from ..test_docs import ROOT
from ..test_docs_examples import containing
from .test_django_tasks import PACKAGE

PAGE = (ROOT / "docs" / "context.md").read_text()
SEARCHES = re.findall(r"^\| `(.+?)` \|", PAGE.partition("## Find the events")[2], re.MULTILINE)


@pytest.mark.parametrize("search", SEARCHES)
def test_each_search_of_the_page_is_understood(anna, search):
    assert list(Log.objects.search(search)) == []


def test_the_block_gives_its_values_to_the_event(anna, outbox):
    widget = Widget.objects.create(name="Lamp")
    exec(containing(PAGE, '"batch": 7'), {"anna": anna, "widget": widget})
    (event,) = outbox
    assert event.user == anna
    assert event.extra == {"reason": "ticket 4711", "batch": 7}


def test_the_view_records_who_acts_for_the_account(anna, client, settings, outbox):
    names = {"__name__": "example", "anna": anna}
    exec(containing(PAGE, "close_account"), names)
    settings.ROOT_URLCONF = ModuleType("site")
    settings.ROOT_URLCONF.urlpatterns = [path("", names["close_account"])]
    client.force_login(User.objects.create_user("zora"))
    client.post("/", {"reason": "ticket 4711"})
    closed, _request = outbox
    assert (closed.user, closed.action) == (anna, "ACCOUNT_CLOSED")
    assert {event.extra["acting_user"] for event in outbox} == {"zora"}
    assert {event.extra["reason"] for event in outbox} == {"ticket 4711"}


def test_the_task_records_the_user_and_the_reason_that_it_gets(anna, outbox):
    names = {"__name__": __name__}
    exec(containing(PAGE, "archive_orders").replace("django.tasks", PACKAGE), names)
    names["archive_orders"].func(anna.pk, "ticket 4711")
    (event,) = outbox
    assert (event.user, event.extra) == (anna, {"reason": "ticket 4711"})


def test_the_command_records_the_reason_of_each_order(db, outbox):
    names = {"__name__": "example", "Order": Widget}
    exec(containing(PAGE, "BaseCommand"), names)
    Widget.objects.create(name="")
    names["Command"]().handle(reason="ticket 4711")
    (event,) = outbox
    assert (event.action, event.extra) == ("ORDER_CANCELLED", {"reason": "ticket 4711"})
