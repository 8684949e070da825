"""Objects with one of many primary keys."""

import uuid
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model

from eventlog.models.many_keys import with_keys
from tests.shop.models import Country, Digest, Price, Token

pytestmark = pytest.mark.django_db

UUIDS = [uuid.uuid4() for _ in range(3)]
TEXTS = ['de"', "f\\r", "日本", "'; --"]
AMOUNTS = [Decimal("1.50"), Decimal(2), Decimal("7.25")]


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        (get_user_model(), [1, 2, 3]),
        (Token, UUIDS),
        (Country, TEXTS),
        (Price, AMOUNTS),
        (Digest, [b"\0", b"\xff", b"x"]),
    ],
)
def test_only_the_objects_with_these_keys_are_found(model, keys):
    names = [field.name for field in model._meta.fields if field.name in ("username", "name")]
    for number, key in enumerate(keys):
        model.objects.create(pk=key, **dict.fromkeys(names, f"n{number}"))
    found = with_keys(model.objects.all(), keys[1:])
    assert {each.pk for each in found} == {*keys[1:]}
    assert not with_keys(model.objects.all(), []).exists()


def test_there_may_be_more_keys_than_a_query_may_have_parameters():
    user = get_user_model().objects.create(pk=200_000, username="anna")
    assert with_keys(get_user_model().objects.all(), range(1, 260_000)).get() == user


@pytest.mark.parametrize(
    ("model", "key", "others"),
    [
        (get_user_model(), 7, [2**31, 2**63, -(2**63) - 1, 2**80]),
        (Country, "x" * 40, ["x" * 41, "x" * 40 + "y"]),
        (Country, "a", ["a\0", "a\0b", "a\ud800", "\udc00"]),
    ],
)
def test_keys_that_no_column_holds_find_nothing(model, key, others):
    model.objects.create(pk=key)
    assert not with_keys(model.objects.all(), others).exists()
    assert with_keys(model.objects.all(), [*others, None, key]).get().pk == key
