"""Changes that django-auditlog has recorded, and views of objects."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from auditlog.context import set_actor
from auditlog.models import LogEntry
from auditlog.registry import auditlog
from auditlog.signals import accessed
from django.contrib.auth.models import User

from eventlog.contrib.model_changes import track, untrack
from eventlog.models import Log
from eventlog.records.redaction import MASK
from eventlog.records.user_state import KNOWN, UNKNOWN

from .models import Label, Product
from .running import events, imported, run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _recording():
    auditlog.register(Product, m2m_fields={"labels"}, serialize_data=True)
    yield
    auditlog.unregister(Product)


def test_old_and_new_values_have_the_types_that_eventlog_stores(anna):
    with set_actor(anna, "203.0.113.7", 4711):
        product = Product.objects.create(name="Lamp", price=Decimal("9.50"))
        product.stock, product.is_sold = 3, True
        product.added = datetime(2024, 5, 1, 12, 0, 0, 250, tzinfo=UTC)
        product.data = {"a": [1]}
        product.save()
        product.stock = None
        product.save()
        key = str(product.pk)
        product.delete()
    created, updated, emptied, deleted = imported("auditlog")
    assert [event.action for event in events()] == [
        "CREATED_PRODUCT",
        "UPDATED_PRODUCT",
        "UPDATED_PRODUCT",
        "DELETED_PRODUCT",
    ]
    assert created.changes["price"] == [None, "9.50"]
    assert created.changes["name"] == [None, "Lamp"]
    assert updated.changes == {
        "stock": [None, 3],
        "is_sold": [False, True],
        "added": [None, "2024-05-01T12:00:00.000250Z"],
        "data": [{}, {"a": [1]}],
    }
    assert emptied.changes == {"stock": [3, None]}
    assert deleted.changes["name"] == ["Lamp", None]
    assert {event.object_id for event in events()} == {key}
    assert {event.user for event in events()} == {anna}
    assert {(event.ip, event.extra["remote_port"]) for event in events()} == {("203.0.113.7", 4711)}
    assert created.extra["serialized_data"]["fields"]["name"] == "Lamp"
    assert set(Log.objects.search("changed:is_sold ip:203.0.113.0/24")) == {*events()} - {emptied}


def test_the_page_of_an_event_shows_the_changes(admin_client, product):
    product.name = "Desk lamp"
    product.save()
    event = imported("auditlog")[-1]
    page = admin_client.get(f"/admin/eventlog/log/{event.pk}/change/").text
    assert '<table class="changes">' in page
    assert "Desk lamp" in page


def test_a_tracked_model_has_the_actions_that_the_site_has_chosen(product):
    track(Product, actions={"CREATED": "PRODUCT_LISTED"})
    try:
        assert imported("auditlog")[0].action == "PRODUCT_LISTED"
    finally:
        untrack(Product)


def test_secrets_are_masked(product):
    product.api_key = "3fe9c1d07b5a"
    product.save()
    assert imported("auditlog")[-1].changes == {"api_key": ["", MASK]}


def test_relations_have_the_objects_that_were_added_and_removed(product):
    first, second = (Label.objects.create(text=text) for text in ("cheap", "small"))
    product.labels.add(first, second)
    product.labels.remove(first)
    added, removed = imported("auditlog")[-2:]
    assert added.changes == {"labels": [[], ["cheap", "small"]]}
    assert removed.changes == {"labels": [["cheap"], []]}


def test_a_view_of_an_object_becomes_an_event(product):
    accessed.send(Product, instance=product)
    event = imported("auditlog")[-1]
    assert (event.action, event.obj, event.changes) == ("VIEWED_PRODUCT", product, {})


def test_a_deleted_account_keeps_its_address_as_the_name(anna):
    User.objects.filter(pk=anna.pk).update(email="anna@example.org")
    anna.refresh_from_db()
    with set_actor(anna, "203.0.113.7"):
        Product.objects.create(name="Lamp")
    anna.delete()
    LogEntry.objects.filter(actor_email=None).delete()
    (event,) = imported("auditlog")
    assert (event.user, event.user_repr, event.user_state) == (None, "anna@example.org", KNOWN)


def test_without_an_actor_the_address_tells_a_request_from_a_command(product):
    with set_actor(None, "203.0.113.7"):
        product.name = "Desk lamp"
        product.save()
    command, request = imported("auditlog")
    assert (command.user_state, request.user_state) == (None, UNKNOWN)


def test_changes_in_an_unknown_form_are_kept_and_reported(product):
    LogEntry.objects.update(changes=["name"])
    output = run("auditlog", "--final")
    assert "Imported with a restriction: 1 row, the changes could not be read" in output
    (event,) = events()
    assert (event.changes, event.extra["changes_as_stored"]) == ({}, ["name"])


def test_changes_of_release_2_are_read_from_their_text(product):
    LogEntry.objects.update(changes=None, changes_text='{"stock": ["1", "None"]}')
    assert imported("auditlog")[0].changes == {"stock": [None, None]}
