"""Versions of objects that django-simple-history has recorded."""

import pytest
from django.contrib.auth.models import User
from simple_history.utils import update_change_reason

from eventlog.models import Log
from eventlog.records.redaction import MASK

from .models import Label, Parcel, Product
from .running import events, imported, run

pytestmark = pytest.mark.django_db


def of_products(*options):
    return imported("simple_history", "--table=importers.HistoricalProduct", *options)


def test_each_version_is_compared_with_the_one_before(anna):
    product = Product(name="Lamp", price="9.50")
    product._history_user = anna
    product.save()
    product.name, product.stock, product.api_key = "Desk lamp", 3, "3fe9c1d07b5a"
    product.save()
    update_change_reason(product, "new catalogue")
    key = product.pk
    product.delete()
    created, updated, deleted = of_products()
    versions = list(Product.history.order_by("pk"))
    assert created.changes == {
        "name": [None, "Lamp"],
        "price": [None, "9.50"],
        "is_sold": [None, False],
    }
    assert updated.changes == {
        "name": ["Lamp", "Desk lamp"],
        "stock": [None, 3],
        "api_key": ["", MASK],
    }
    assert deleted.changes["name"] == ["Desk lamp", None]
    assert [(event.action, event.object_repr) for event in events()] == [
        ("CREATED_PRODUCT", "Lamp"),
        ("UPDATED_PRODUCT", "Desk lamp"),
        ("DELETED_PRODUCT", "Desk lamp"),
    ]
    assert {(event.user, event.object_id) for event in events()} == {(anna, str(key))}
    assert [event.timestamp for event in events()] == [row.history_date for row in versions]
    assert Log.objects.search("reason:*catalogue* changed:stock").get() == updated


def test_relations_have_the_keys_that_were_added_and_removed(product):
    first, second = (Label.objects.create(text=text) for text in ("a", "b"))
    product.labels.add(first)
    product.labels.set([second])
    changes = [event.changes["labels"] for event in of_products()[1:] if event.changes]
    assert changes == [
        [[], [first.pk]],
        [[first.pk], []],
        [[], [second.pk]],
    ]


def test_versions_are_compared_across_runs_and_pages(product):
    for number in range(3):
        product.stock = number
        product.save()
        of_products("--batch=1")
    Product.objects.create(name="Chair")
    assert [event.changes.get("stock") for event in of_products("--batch=1")] == [
        None,
        [None, 0],
        [0, 1],
        [1, 2],
        None,
    ]


def test_without_an_earlier_version_the_object_is_stored_as_it_was(product):
    product.save()
    Product.history.earliest().delete()
    output = run("simple_history", "--final")
    assert "Imported with a restriction: 1 row, an earlier version is missing" in output
    (event,) = events()
    assert (event.changes, event.extra["object"]["name"]) == ({}, "Lamp")


def test_versions_with_random_keys_are_imported_in_the_order_of_their_dates():
    parcel = Parcel.objects.create()
    for weight in (1, 2, 3):
        parcel.weight = weight
        parcel.save()
        imported("simple_history", "--batch=2")
    assert [event.changes["weight"] for event in events()] == [[None, 0], [0, 1], [1, 2], [2, 3]]
    assert {event.object_id for event in events()} == {str(parcel.pk)}


def test_a_deleted_user_is_unknown_to_the_versions_as_well(product, anna):
    Product.history.update(history_user=anna)
    User.objects.filter(pk=anna.pk).delete()
    assert of_products()[0].user_state is None
