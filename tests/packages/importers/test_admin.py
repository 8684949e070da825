"""Entries of Django's own log of the admin."""

import pytest
from django.contrib.admin import AdminSite
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.urls import path

from .models import Label
from .running import imported, run

pytestmark = pytest.mark.django_db
site = AdminSite()
site.register(Label)
urlpatterns = [path("admin/", site.urls)]


@pytest.fixture
def staff(client, zora, settings):
    """A client of staff who may edit labels."""
    settings.ROOT_URLCONF = __name__
    client.force_login(zora)
    return client


def test_what_staff_did_in_the_admin_becomes_events(staff, zora):
    staff.post("/admin/importers/label/add/", {"text": "new"})
    label = Label.objects.get()
    staff.post(f"/admin/importers/label/{label.pk}/change/", {"text": "old"})
    staff.post(f"/admin/importers/label/{label.pk}/delete/", {"post": "yes"})
    found = imported("admin")
    entries = list(LogEntry.objects.order_by("pk"))
    assert [(event.action, event.user, event.object_repr) for event in found] == [
        ("CREATED_LABEL", zora, "new"),
        ("UPDATED_LABEL", zora, "old"),
        ("DELETED_LABEL", zora, "old"),
    ]
    assert {(event.content_type.model, event.object_id) for event in found} == {
        ("label", str(label.pk))
    }
    assert [event.timestamp for event in found] == [entry.action_time for entry in entries]
    assert [event.extra["change_message"] for event in found[:2]] == [
        [{"added": {}}],
        [{"changed": {"fields": ["Text"]}}],
    ]
    assert not any(event.is_request for event in found)


def test_an_entry_of_an_unknown_kind_is_reported_with_its_key(zora):
    kind = ContentType.objects.get_for_model(Label)
    entry = LogEntry.objects.create(user=zora, content_type=kind, action_flag=9, object_id="7")
    LogEntry.objects.create(user=zora, content_type=kind, action_flag=1, object_id="7")
    output = run("admin", "--final")
    assert "2 rows became 1 event" in output
    assert f"Not imported: 1 row, action_flag is 9, which is not known (such as {entry.pk})" in (
        output
    )


def test_an_entry_of_a_model_that_was_removed_keeps_its_name(zora):
    kind = ContentType.objects.create(app_label="gone", model="widget")
    LogEntry.objects.create(
        user=zora, content_type=kind, action_flag=3, object_id="7", object_repr="Foo"
    )
    (event,) = imported("admin")
    assert (event.action, event.object_id, event.object_repr) == ("DELETED_WIDGET", "7", "Foo")
    assert event.extra["model"] == "gone.widget"
