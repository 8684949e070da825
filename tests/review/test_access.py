"""Events about the log itself: who viewed, exported or removed events."""

import os
import re
import socket
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.core.signals import request_finished
from django.db import close_old_connections, connection, transaction
from django.urls import path
from django.utils import timezone

from eventlog import access
from eventlog.admin import EventsMixin, LogViewsMixin
from eventlog.backends.base import BaseBackend
from eventlog.conf import Conf
from eventlog.models import Log, log
from eventlog.review.export import formats
from eventlog.review.search.query import Search

from ..shop.models import Country, Widget

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

LIST = "/admin/eventlog/log/"
PAGE = (Path(__file__).parents[2] / "docs" / "access.md").read_text()


class WidgetAdmin(LogViewsMixin, EventsMixin, admin.ModelAdmin):
    pass


class CountryAdmin(LogViewsMixin, admin.ModelAdmin):
    action_kind = "READ"


site = admin.AdminSite("shop")
site.register(Widget, WidgetAdmin)
site.register(Country, CountryAdmin)
urlpatterns = [path("admin/", admin.site.urls), path("shop/", site.urls)]


class RefusingBackend(BaseBackend):
    def write(self, records):
        raise RuntimeError("refused")


@pytest.fixture(autouse=True)
def use(settings):
    """Configure ``ACCESS``. Requests are not recorded."""

    def choose(**kinds):
        settings.EVENTLOG = {"REQUESTS": [], "ACCESS": kinds}

    choose()
    return choose


@pytest.fixture
def _connection_stays_open():
    """Keep the connection of the test, which Django closes at the end of a response."""
    request_finished.disconnect(close_old_connections)
    yield
    request_finished.connect(close_old_connections)


@pytest.fixture
def widget():
    return Widget.objects.create(name="sprocket")


def recorded(*actions):
    """Return the events of these actions, the oldest first; by default, of the log itself."""
    return list(Log.objects.action(*actions or ["EVENTLOG_*"]).order_by("timestamp", "id"))


def names():
    return [event.action for event in recorded()]


def interrupt(*args):
    raise KeyboardInterrupt


def command(*args, **options):
    out = StringIO()
    call_command(*args, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


# The setting and the chapter


def test_each_kind_has_an_action_and_a_default():
    assert access.ACTIONS.keys() == Conf.access.default.keys()
    assert access.STARTED.keys() < access.ACTIONS.keys()


def test_the_chapter_has_a_row_for_each_action():
    rows = re.findall(r"^\| `(EVENTLOG_\w+)` \| `(\w+)` \|", PAGE, re.MULTILINE)
    actions = [*access.ACTIONS.items(), *access.STARTED.items()]
    assert sorted(rows) == sorted((action, kind) for kind, action in actions)


def test_each_search_of_the_chapter_is_valid():
    table = PAGE.partition("| search | finds |")[2].partition("\n\n")[0]
    searches = re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE)
    User.objects.create_user("anna")
    assert len(searches) > 4
    for search in searches:
        assert Search.parse(search).errors == [], search


def test_nothing_is_recorded_if_the_package_is_disabled(root, settings):
    settings.EVENTLOG = {"ENABLED": False, "ACCESS": {"view": True}}
    root.get(LIST)
    root.get(f"{LIST}export/csv/").getvalue()
    command("eventlog_prune", "0h", "--pause=0")
    assert names() == []
    assert access.SESSION_KEY not in root.session


# Views


def test_views_are_not_recorded_by_default(root):
    root.get(LIST)
    root.get(f"{LIST}overview/")
    assert names() == []


@pytest.mark.parametrize(
    ("address", "page", "search"),
    [
        (f"{LIST}?q=user:root&from=2026-01-31", "list", "user:root from:2026-01-31"),
        (f"{LIST}overview/?q=is:bot", "overview", "is:bot"),
    ],
)
def test_a_view_tells_who_saw_which_page_with_which_search_from_where(
    root, use, address, page, search
):
    use(view=True)
    root.get(address, REMOTE_ADDR="192.0.2.7")
    (event,) = recorded()
    assert (event.action, event.user_name, event.ip) == ("EVENTLOG_VIEWED", "root", "192.0.2.7")
    assert (event.extra["page"], event.extra["search"]) == (page, search)


def test_the_page_of_an_event_counts_as_a_view(root, use):
    use(view=True)
    event = log(None, "X")
    root.get(f"{LIST}{event.pk}/change/", {"_changelist_filters": "q=action:X"})
    (viewed,) = recorded()
    assert (viewed.extra["page"], viewed.extra["search"]) == ("event", "action:X")


def test_a_person_is_recorded_once_in_a_quarter_of_an_hour(root, use):
    use(view=True)
    for search in ("is:bot", "status:404", ""):
        root.get(LIST, {"q": search})
    assert len(recorded()) == 1
    session = root.session
    person, seconds = session[access.SESSION_KEY]
    session[access.SESSION_KEY] = [person, seconds - access.VIEW_INTERVAL.total_seconds()]
    session.save()
    root.get(LIST)
    assert len(recorded()) == 2


def test_two_persons_are_recorded_each(root, client, use):
    use(view=True)
    root.get(LIST)
    client.force_login(User.objects.create_superuser("boss"))
    client.get(LIST)
    assert [event.user_name for event in recorded()] == ["root", "boss"]


def test_a_refused_or_missing_page_is_not_a_view(root, client, use):
    use(view=True)
    root.get(f"{LIST}4711/change/")
    root.head(LIST)
    client.force_login(User.objects.create_user("staff", is_staff=True))
    assert client.get(LIST).status_code == 403
    assert names() == []


@pytest.mark.parametrize("name", ["eventlog_search", "eventlog_tail"])
def test_a_command_that_prints_events_is_a_view_once_in_a_quarter_of_an_hour(
    use, monkeypatch, name
):
    monkeypatch.setattr("eventlog.management.commands.eventlog_tail.Command.wait", interrupt)
    arguments = (name, "is:bot") if name == "eventlog_search" else (name, "--search=is:bot")
    command(*arguments)
    assert names() == []
    use(view=True)
    command(*arguments)
    command(*arguments)
    (event,) = recorded()
    assert (event.extra["command"], event.extra["search"]) == (name, "is:bot")
    Log.objects.update(timestamp=timezone.now() - access.VIEW_INTERVAL)
    command(*arguments)
    assert len(recorded()) == 2


# Exports


def test_an_export_is_recorded_when_it_starts_and_when_it_ends(root):
    for n in range(3):
        log(None, f"E{n}")
    query = {"q": "action:E*", "from": "2026-01-31", "show": "events"}
    response = root.get(f"{LIST}export/csv/", query, REMOTE_ADDR="192.0.2.7")
    assert names() == []
    assert b"EVENTLOG" not in response.getvalue()
    started, ended = recorded()
    for event in (started, ended):
        assert (event.user_name, event.ip) == ("root", "192.0.2.7")
        assert event.extra["format"] == "csv"
        assert event.extra["search"] == "action:E* from:2026-01-31"
        assert event.extra["show"] == "events"
    assert (started.action, ended.action) == ("EVENTLOG_EXPORT_STARTED", "EVENTLOG_EXPORTED")
    assert started.extra["request_id"] == ended.extra["request_id"]
    assert (ended.extra["count"], ended.extra["complete"]) == (3, True)
    assert "count" not in started.extra


def test_the_other_filters_of_an_export_are_recorded(root):
    event = log(None, "X")
    root.get(f"{LIST}export/jsonl/?id__exact={event.pk}").getvalue()
    assert recorded()[-1].extra["filters"] == f"id__exact={event.pk}"
    assert recorded()[-1].extra["count"] == 1


@pytest.mark.usefixtures("_connection_stays_open")
def test_a_cancelled_download_is_recorded_with_the_events_that_were_read(monkeypatch, rf):
    monkeypatch.setattr(formats, "CHUNK_EVENTS", 2)
    for n in range(9):
        log(None, f"E{n}")
    request = rf.get(f"{LIST}export/jsonl/")
    request.user = User.objects.create_superuser("root")
    # Without the client, which closes the response in its own way.
    response = admin.site.get_model_admin(Log).export_view(request, "jsonl")
    next(iter(response.streaming_content))
    assert names() == ["EVENTLOG_EXPORT_STARTED"]
    response.close()
    ended = recorded()[-1]
    assert (ended.action, ended.extra["count"]) == ("EVENTLOG_EXPORTED", 2)
    assert ended.extra["complete"] is False


@pytest.mark.usefixtures("_connection_stays_open")
@pytest.mark.parametrize("is_cancelled", [False, True])
def test_an_export_under_asgi_is_recorded(root, async_client, monkeypatch, is_cancelled):
    monkeypatch.setattr(formats, "CHUNK_EVENTS", 2)
    for n in range(5):
        log(None, f"E{n}")
    async_client.cookies = root.cookies

    async def download():
        response = await async_client.get(f"{LIST}export/jsonl/")
        async for _ in response.streaming_content:
            if is_cancelled:
                await sync_to_async(response.close)()
                break

    async_to_sync(download)()
    ended = recorded()[-1]
    assert (ended.action, ended.user_name) == ("EVENTLOG_EXPORTED", "root")
    assert ended.extra["complete"] is not is_cancelled


def test_an_export_that_sends_nothing_is_not_recorded(root):
    root.head(f"{LIST}export/csv/")
    root.get(f"{LIST}export/csv/?q=ip:192.0.2.300")
    root.get(f"{LIST}export/exe/")
    assert names() == []


def test_an_export_without_events_has_one_event(root):
    root.get(f"{LIST}export/csv/?q=action:NONE").getvalue()
    assert [(each.action, each.extra["count"]) for each in recorded()] == [("EVENTLOG_EXPORTED", 0)]


def test_exports_are_not_recorded_if_the_setting_turns_them_off(root, use):
    use(export=False)
    log(None, "X")
    assert b"X" in root.get(f"{LIST}export/csv/").getvalue()
    assert names() == []


@pytest.mark.parametrize("is_atomic", [False, True])
def test_pages_and_exports_work_if_nothing_can_be_recorded(
    root, settings, caplog, monkeypatch, is_atomic
):
    log(None, "X")
    settings.EVENTLOG = {
        "BACKEND": f"{__name__}.RefusingBackend",
        "REQUESTS": [],
        "ACCESS": {"view": True},
    }
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", is_atomic)
    assert root.get(LIST).status_code == 200
    assert b"X" in root.get(f"{LIST}export/csv/").getvalue()
    assert any("EVENTLOG_EXPORT_STARTED" in message for message in caplog.messages)


def test_a_failure_to_record_does_not_break_a_transaction():
    with transaction.atomic():
        access.record("A" * 300)
        log(None, "AFTER")
    assert [event.action for event in recorded("*")] == ["AFTER"]


def test_a_long_search_is_shortened(root, use):
    use(view=True)
    root.get(LIST, {"q": "x" * 3000})
    assert len(recorded()[0].extra["search"]) == 2048


# Deleting


def test_a_deletion_tells_the_facts_of_its_request(root):
    event = log(None, "X")
    root.post(f"{LIST}{event.pk}/delete/", {"post": "yes"}, REMOTE_ADDR="192.0.2.7")
    (deleted,) = recorded("*")
    assert (deleted.action, deleted.user_name) == ("EVENTLOG_DELETED", "root")
    assert (deleted.extra["count"], deleted.ip) == (1, "192.0.2.7")
    (described,) = deleted.extra["deleted"]
    assert described.keys() >= {"id", "time", "action"}


def test_a_deletion_that_cannot_be_recorded_does_not_happen(root, settings):
    event = log(None, "X")
    settings.EVENTLOG = {"BACKEND": f"{__name__}.RefusingBackend", "REQUESTS": []}
    assert root.post(f"{LIST}{event.pk}/delete/", {"post": "yes"}).status_code == 500
    assert Log.objects.filter(pk=event.pk).exists()


# Commands


def test_pruning_tells_who_removed_what_and_survives(monkeypatch):
    monkeypatch.setenv("SUDO_USER", "zora")
    old = timezone.now() - timedelta(days=100)
    for n in range(3):
        log(None, f"OLD_{n}", dateof=old)
    conditions = ("--action=OLD_*", "--keep=OLD_0", "--search=is:event")
    command("eventlog_prune", "90d", *conditions, "--batch=1", "--pause=0")
    kept, started, ended = recorded("*")
    assert list(Log.objects.search("command:eventlog_prune")) == [ended, started]
    assert kept.action == "OLD_0"
    assert (started.action, ended.action) == ("EVENTLOG_PRUNE_STARTED", "EVENTLOG_PRUNED")
    assert ended.extra == started.extra | {"count": 2, "complete": True}
    assert started.extra.pop("before")[:10] == f"{timezone.now() - timedelta(days=90):%Y-%m-%d}"
    assert started.extra.pop("os_user")
    assert started.extra == {
        "command": "eventlog_prune",
        "host": socket.gethostname(),
        "sudo_user": "zora",
        "action": ["OLD_*"],
        "keep": ["OLD_0"],
        "search": "is:event",
    }


def test_pruning_everything_keeps_its_own_events():
    log(None, "X")
    command("eventlog_prune", "0h", "--pause=0")
    command("eventlog_prune", "0h", "--pause=0")
    assert names() == ["EVENTLOG_PRUNE_STARTED", "EVENTLOG_PRUNED"]


def test_an_interrupted_pruning_tells_how_much_was_removed(monkeypatch):
    for n in range(3):
        log(None, f"OLD_{n}", dateof=timezone.now() - timedelta(days=100))
    monkeypatch.setattr("time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        command("eventlog_prune", "90d", "--batch=2")
    ended = recorded()[-1]
    assert (ended.action, ended.extra["count"]) == ("EVENTLOG_PRUNED", 2)
    assert ended.extra["complete"] is False


def test_a_dry_run_is_not_recorded(anna):
    log(anna, "X")
    command("eventlog_prune", "0h", "--dry-run")
    command("eventlog_person", "erase", "anna", "--dry-run")
    assert names() == []


@pytest.mark.parametrize("arguments", [["--yes"], ["--yes", "--delete"]])
def test_an_erasure_does_not_name_the_person_again(anna, arguments):
    log(anna, "BOUGHT")
    command("eventlog_person", "erase", "anna", *arguments)
    started, ended = recorded()
    assert (started.action, ended.action) == ("EVENTLOG_ERASE_STARTED", "EVENTLOG_ERASED")
    assert (ended.extra["count"], ended.extra["accounts"]) == (1, 1)
    assert ended.extra["delete"] is ("--delete" in arguments)
    assert not Log.objects.for_user(anna).exists()
    assert not Log.objects.for_object(anna).exists()
    assert "anna" not in str([Log.objects.values()])


def test_the_export_of_a_person_is_about_their_account_and_is_erased_with_it(anna):
    log(anna, "BOUGHT")
    assert "EVENTLOG" not in command("eventlog_person", "export", "anna")
    started, ended = recorded()
    assert (started.action, ended.action) == ("EVENTLOG_EXPORT_STARTED", "EVENTLOG_EXPORTED")
    assert (started.obj, ended.obj) == (anna, anna)
    assert (ended.extra["count"], ended.extra["complete"]) == (1, True)
    command("eventlog_person", "erase", "anna", "--yes")
    assert not Log.objects.for_object(anna).exists()


def test_an_export_of_a_deleted_account_does_not_name_it(anna):
    log(anna, "BOUGHT")
    anna.delete()
    command("eventlog_person", "export", "anna")
    assert [(each.obj, each.extra["accounts"]) for each in recorded()] == [(None, 1), (None, 1)]


def test_a_container_user_without_a_name_is_recorded_by_number(monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 1_999_999_999)
    assert access.operator_facts()["os_user"] == "1999999999"


# Views of other objects


def test_the_page_of_an_object_is_logged_each_time(root, widget):
    for _ in range(2):
        root.get(f"/shop/shop/widget/{widget.pk}/change/", REMOTE_ADDR="192.0.2.7")
    first, second = recorded("VIEWED_*")
    assert (first.action, first.obj, first.user_name) == ("VIEWED_FOO_WIDGET", widget, "root")
    assert first.ip == second.ip == "192.0.2.7"


def test_a_person_who_may_only_view_is_logged(client, widget):
    staff = User.objects.create_user("staff", is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_widget"))
    client.force_login(staff)
    client.get(f"/shop/shop/widget/{widget.pk}/change/")
    assert [event.user for event in recorded("VIEWED_*")] == [staff]


def test_the_first_part_of_the_action_can_be_chosen(root):
    Country.objects.create(code="DE")
    root.get("/shop/shop/country/DE/change/")
    assert [event.action for event in recorded("*")] == ["READ_COUNTRY"]


def test_only_a_page_that_is_shown_is_logged(root, client, widget):
    address = f"/shop/shop/widget/{widget.pk}/change/"
    root.get("/shop/shop/widget/add/")
    root.get("/shop/shop/widget/4711/change/")
    root.post(address, {"name": ""})
    root.post(address, {"name": "gear"})
    client.logout()
    client.get(address)
    assert recorded("VIEWED_*") == []


def test_the_page_of_an_object_is_shown_if_nothing_can_be_logged(root, settings, widget):
    settings.EVENTLOG = {"BACKEND": f"{__name__}.RefusingBackend", "REQUESTS": []}
    assert root.get(f"/shop/shop/widget/{widget.pk}/change/").status_code == 200
