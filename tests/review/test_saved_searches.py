"""Searches that staff save under a name, for themselves or for all staff."""

import pytest
from django.contrib.auth.models import Permission, User

from eventlog.models import SavedSearch, log

pytestmark = pytest.mark.django_db

LIST = "/admin/eventlog/log/"
SAVE = f"{LIST}searches/save/"


@pytest.fixture(autouse=True)
def _quiet(settings):
    settings.EVENTLOG = {"REQUESTS": []}


def staff(client, name="staff", *permissions):
    user = User.objects.create_user(name, is_staff=True)
    names = ["view_log", *permissions]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)
    return user


def save(client, name, query, **values):
    return client.post(SAVE, {"name": name, "query": query, **values})


def names(client):
    return [each.search.name for each in client.get(f"{LIST}?q=").context["saved_searches"]]


def test_a_saved_search_is_a_link_to_its_events_and_columns(client):
    staff(client)
    log(None, "PAID")
    log(None, "OTHER")
    response = save(client, "Paid", "?q=action:PAID&columns=time,action&older=x&select=1")
    assert response.url == f"{LIST}?q=action%3APAID&columns=time%2Caction"
    (saved,) = client.get(LIST).context["saved_searches"]
    found = client.get(LIST + saved.address).context["cl"].result_list
    assert [event.action for event in found] == ["PAID"]


def test_a_private_search_is_shown_to_its_owner_only(client):
    staff(client, "one")
    save(client, "Mine", "?q=is:bot")
    assert names(client) == ["Mine"]
    staff(client, "two")
    assert names(client) == []


def test_sharing_needs_the_permission(client):
    staff(client, "one")
    assert save(client, "Ours", "?q=is:bot", is_shared="on").status_code == 403
    staff(client, "two", "share_savedsearch")
    save(client, "Ours", "?q=is:bot", is_shared="on")
    staff(client, "three")
    assert names(client) == ["Ours"]


def test_the_default_search_is_shown_when_the_list_is_opened(client):
    staff(client)
    save(client, "Bots", "?q=is:bot", is_default="on")
    save(client, "Errors", "?q=status:5xx", is_default="on")
    assert client.get(LIST).url == "?q=status%3A5xx"
    assert client.get(f"{LIST}?q=").status_code == 200
    assert SavedSearch.objects.filter(is_default=True).count() == 1


def test_a_name_is_used_once_for_each_person(client):
    staff(client)
    save(client, "Bots", "?q=is:bot")
    save(client, "Bots", "?q=is:bot status:404")
    assert SavedSearch.objects.get().query == "q=is%3Abot+status%3A404"


@pytest.mark.parametrize("name", ["", "  ", "x" * 81, "a\0b"])
def test_a_name_that_cannot_be_stored_is_refused_with_a_reason(client, name):
    staff(client)
    response = client.post(SAVE, {"name": name, "query": "?q=is:bot"}, follow=True)
    assert "at most 80 characters" in str(next(iter(response.context["messages"])))
    assert not SavedSearch.objects.exists()


def test_a_search_is_removed_by_its_owner_or_by_a_person_who_may_share(client):
    staff(client, "one", "share_savedsearch")
    save(client, "Ours", "?q=is:bot", is_shared="on")
    remove = f"{LIST}searches/{SavedSearch.objects.get().pk}/remove/"
    staff(client, "two")
    assert client.post(remove).status_code == 403
    assert client.get(remove).status_code == 405
    staff(client, "three", "share_savedsearch")
    assert client.post(remove).status_code == 302
    assert not SavedSearch.objects.exists()


def test_saving_needs_the_permission_to_view_events(client):
    user = staff(client)
    user.user_permissions.clear()
    assert save(client, "Bots", "?q=is:bot").status_code == 403
