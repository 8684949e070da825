"""The cells of the list are those that Django's admin makes."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib import admin
from django.contrib.admin.templatetags.admin_list import items_for_result
from django.urls import NoReverseMatch
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString

from eventlog.admin import LogAdmin
from eventlog.models import Log
from eventlog.review import changelist, links
from eventlog.review.changelist import EventList
from eventlog.review.list_rows import rows

from ..events import write_request

MORNING = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


class OwnAdmin(LogAdmin):
    """An admin with columns of each kind."""

    list_display = ("id", *LogAdmin.list_display, "empty", "number", "is_late")

    @admin.display(description="Empty", empty_value="(none)")
    def empty(self, event):
        return " "

    def blank(self, event):
        return SafeString(" ")

    @admin.display(empty_value="(none)")
    def missing(self, event):
        return Log.objects.get(pk=-1)

    def number(self, event):
        return 1234

    @admin.display(boolean=True)
    def is_late(self, event):
        return True


def unsafe(event):
    return "<b>&'\""


def safe(event):
    return format_html("<b>{}</b>", "&")


def nothing(event):
    return None


def moment(event):
    return event.timestamp


def number(event):
    return 1234.5


class WithoutPages(LogAdmin):
    """An admin whose site has no page of an event."""

    def get_changelist(self, request, **kwargs):
        class Changes(EventList):
            def url_for_result(self, result):
                raise NoReverseMatch

        return Changes


class WithOwnPages(LogAdmin):
    """An admin that links to other pages."""

    def get_changelist(self, request, **kwargs):
        class Changes(EventList):
            def url_for_result(self, result):
                return f"/events/{result.pk}/"

        return Changes


def by_django(changes):
    return [
        "".join(map(conditional_escape, items_for_result(changes, event, None)))
        for event in changes.result_list
    ]


@pytest.fixture
def changes(rf, admin_user):
    """Return a function that returns the list of an admin with some columns."""

    def of(*columns, address="", kind=LogAdmin):
        request = rf.get(f"/admin/eventlog/log/?{address}")
        request.user = admin_user
        own = kind(Log, admin.site)
        own.get_list_display = lambda request: columns or LogAdmin.list_display
        return own.get_changelist_instance(request)

    return of


@pytest.fixture(autouse=True)
def events(db, admin_user):
    for number in range(3):
        facts = {"path": f"/<{number}>", "status": 500}
        write_request(facts, action="A&B", user=admin_user, timestamp=MORNING)


@pytest.mark.parametrize(
    "columns",
    [
        (),
        ("when", unsafe, safe, nothing, "empty", "number"),
        ("when", "what", "is_late"),
        ("id", "when", "timestamp"),
        ("action_checkbox", "who", "when"),
        ("when", moment, number),
        ("when", lambda event: event.action),
        ("when", "blank", "missing"),
        ("when", "__str__"),
        ("when", "who", "when"),
    ],
)
def test_the_cells_are_those_of_django(changes, columns):
    found = changes(*columns, kind=OwnAdmin)
    assert rows(found) == by_django(found)


@pytest.mark.parametrize("kind", [WithoutPages, WithOwnPages])
@pytest.mark.parametrize("kept", ["", "_changelist_filters=q%3Da%2526b"])
def test_the_links_are_those_of_django(changes, kind, kept):
    found = changes("when", "who", kind=kind)
    found.preserved_filters = kept
    assert rows(found) == by_django(found)


def test_a_popup_has_the_links_of_django(changes):
    found = changes(address="_popup=1")
    assert rows(found) == by_django(found)
    assert "data-popup-opener" in rows(found)[0]


def test_the_link_to_an_event_keeps_the_search(admin_client):
    page = admin_client.get("/admin/eventlog/log/?q=action:A%26B&show=requests")
    found = page.context["cl"]
    ours, django = rows(found)[0], by_django(found)[0]
    addresses = [urlsplit(row.split('href="')[1].split('"')[0]) for row in (ours, django)]
    own, theirs = (parse_qs(each.query.replace("&amp;", "&")) for each in addresses)
    assert own == theirs
    assert "action" in own["_changelist_filters"][0]


def test_an_address_may_have_the_digit_0_after_the_key(admin_client, monkeypatch):
    monkeypatch.setattr(links, "event_page_path", lambda site, key: f"/0/{key}/v0/")
    monkeypatch.setattr(changelist, "event_page_path", links.event_page_path)
    found = admin_client.get("/admin/eventlog/log/").context["cl"]
    newest = found.result_list[0]
    assert f'href="/0/{newest.pk}/v0/?at=' in rows(found)[0]
