"""Deletion in the admin of events under legal hold."""

import pytest

from eventlog.models import Log

from .site import event

pytestmark = pytest.mark.django_db
LIST = "/admin/eventlog/log/"


@pytest.fixture
def held(settings):
    settings.EVENTLOG = {
        "RETENTION": {"hold": "action:HELD"},
        "REQUESTS": [],
        "ACCESS": {"delete": False},
    }
    event("FREE")
    return event("HELD")


@pytest.mark.parametrize("hold", ["action:HELD", "obj:shop.removed"])
def test_an_event_under_legal_hold_is_not_deleted(root, settings, held, hold):
    settings.EVENTLOG = settings.EVENTLOG | {"RETENTION": {"hold": hold}}
    page = root.post(f"{LIST}{held.pk}/delete/", {"post": "yes"}).content.decode()
    assert "under legal hold" in page or "Unknown object type" in page
    assert Log.objects.count() == 2


def test_selected_events_are_deleted_only_if_none_is_held(root, held):
    free = Log.objects.get(action="FREE")
    for keys, left in (([free.pk, held.pk], 2), ([free.pk], 1)):
        chosen = {"action": "delete_selected", "_selected_action": keys, "post": "yes"}
        root.post(LIST, chosen)
        assert Log.objects.count() == left
