"""Differences between two states, and the argument ``changes`` of ``log()``."""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import ip_network
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync
from django import forms
from django.core.files.base import ContentFile
from django.utils.translation import gettext_lazy
from django.views.generic import CreateView, FormView, UpdateView

from eventlog.changes import MAX_BYTES, MAX_VALUE_LENGTH, diff
from eventlog.mixins import EventLogMixin
from eventlog.models import alog, log
from eventlog.records.redaction import MASK

from .shop.models import Widget
from .stock.models import Book, Item, Tag, Warehouse


class Size(Enum):
    LARGE = "l"


def test_only_fields_that_differ_are_changes():
    assert diff({"price": 9, "stock": 3}, {"price": 12, "stock": 3}) == {"price": [9, 12]}
    assert diff({"price": 9}, {"price": 9}) == {}


def test_a_missing_key_counts_as_none():
    assert diff({"a": 1}, {"b": 2}) == {"a": [1, None], "b": [None, 2]}
    assert diff({"a": None}, {}) == {}


def test_true_and_one_are_different_values():
    assert diff({"a": 1, "b": 1}, {"a": True, "b": 1.0}) == {"a": [1, True]}


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (Decimal("9.50"), "9.50"),
        (date(2026, 1, 31), "2026-01-31"),
        (datetime(2026, 1, 31, 9, 30, tzinfo=UTC), "2026-01-31T09:30:00Z"),
        (timedelta(minutes=5), "P0DT00H05M00S"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (Size.LARGE, "l"),
        (gettext_lazy("Yes"), "Yes"),
        (time(9, 30, 0, 1), "09:30:00.000001"),
        (b"abc", "(3 bytes, ba7816bf)"),
        (ip_network("2001:db8::/32"), "2001:db8::/32"),
        (frozenset("ba"), ["a", "b"]),
        ({3, 1}, [1, 3]),
        ((1, Decimal(2)), [1, "2"]),
        ({"a": {"b": [1]}}, {"a": {"b": [1]}}),
        (float("nan"), "nan"),
        (Item(pk=7), 7),
        ([Item(pk=7), Item(pk=8)], [7, 8]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_become_plain_json(value, stored):
    assert diff({"x": None}, {"x": value}) == {"x": [None, stored]}
    json.dumps(diff({"x": value}, {}))


def test_values_that_differ_in_the_last_bytes_are_changes():
    (old, new) = diff({"x": b"abc"}, {"x": b"abd"})["x"]
    assert old != new
    assert diff({"x": time(9, 30)}, {"x": time(9, 30, 0, 1)})
    assert diff({"x": b"abc"}, {"x": memoryview(b"abc")}) == {}


def test_instances_are_compared_by_their_columns():
    before = Item(pk=1, name="Lamp", price=Decimal("9.50"), warehouse_id="A", size="s")
    after = Item(pk=1, name="Lamp", price="9.5", warehouse_id="B", size="l")
    assert diff(before, after) == {"warehouse": ["A", "B"], "size": ["s", "l"]}


def test_decimals_of_instances_have_the_places_of_their_field():
    assert diff(None, Item(price=9))["price"] == [None, "9.00"]
    assert diff(Item(price=9.5), Item(price=Decimal("9.501"))) == {}
    assert diff(None, Item(price=Decimal("Infinity")))["price"] == [None, "Infinity"]


def test_none_stands_for_an_object_that_does_not_exist():
    assert diff(None, Tag(name="new")) == {"name": [None, "new"]}
    assert diff(Tag(name="old"), None) == {"name": ["old", None]}


def test_instances_of_a_model_and_its_parent_are_compared():
    assert diff(Item(name="a"), Book(name="b", pages=7))["pages"] == [None, 7]


@pytest.mark.django_db
def test_a_field_that_is_not_loaded_is_not_a_change():
    Item.objects.create(name="Lamp", stock=3)
    partly = Item.objects.only("name").get()
    assert diff(partly, Item(pk=partly.pk, name="Bulb", stock=9)) == {"name": ["Lamp", "Bulb"]}


def test_files_are_compared_by_name():
    before, after = Item(manual="old.pdf"), Item(manual=ContentFile(b"x", "new.pdf"))
    assert diff(before, after) == {"manual": ["old.pdf", "new.pdf"]}
    assert diff(Item(manual=""), Item(manual=None)) == {}


def test_the_same_time_in_another_zone_is_not_a_change():
    moment = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
    shifted = datetime.fromisoformat("2026-01-31T10:30:00+01:00")
    assert diff(Item(added=moment), Item(added=shifted)) == {}


@pytest.mark.parametrize("name", ["password", "api_key", "card_number"])
def test_secrets_are_masked_by_name(name):
    changes = diff({name: "4111 hunter2"}, {name: "q7Xk29ZpLm4"})
    assert changes == {name: [MASK, MASK]}


def test_names_in_the_setting_are_masked(settings):
    settings.EVENTLOG = {"REDACT": ["shoe_size"]}
    assert diff({"shoe_size": 43}, {"shoe_size": 44}) == {"shoe_size": [MASK, MASK]}


def test_secrets_inside_values_are_masked():
    changes = diff({"data": {}}, {"data": {"password": "hunter2"}})
    assert changes == {"data": [{}, {"password": MASK}]}


def test_long_texts_are_cut_near_their_first_difference():
    same = "word " * 2000
    old, new = diff({"x": f"{same}before {same}"}, {"x": f"{same}after {same}"})["x"]
    assert len(old) == len(new) == MAX_VALUE_LENGTH
    assert old.startswith("…")
    assert old.endswith("…")
    assert "before" in old
    assert "after" in new


@pytest.mark.parametrize("size", [1000, 15_000, 100_000])
def test_a_secret_in_a_long_text_is_not_kept(size):
    old, new = (f"{'x ' * size}password=hunter2{size} {end}" for end in "ab")
    changes = diff({"x": old}, {"x": new})
    assert "hunter2" not in json.dumps(changes)
    assert changes["x"][0] != changes["x"][1]


@pytest.mark.parametrize(
    "form",
    ["password={}", "password: {}", 'x password="word {}"', "{{'password': 'word {}'}} x"],
)
def test_a_secret_that_is_longer_than_what_is_masked_is_not_kept(form):
    word = "hunter " if "word" in form.partition("password")[2] else "hunter"
    old, new = (form.format(word * 5000 + end) + f" and {end}" for end in "ab")
    assert "hunter" not in json.dumps(diff({"x": old}, {"x": new}))


def test_a_large_document_is_kept_as_text():
    (_, new), *_ = diff({"x": {}}, {"x": {"rows": ["row"] * 9999}}).values()
    assert new.startswith('{"rows": ["row", ')
    assert len(new) == MAX_VALUE_LENGTH


def test_all_changes_together_are_bounded():
    changes = diff({}, {f"field{number}": "word " * 300 for number in range(300)})
    assert len(json.dumps(changes)) <= MAX_BYTES + 300
    assert len(changes) == 300
    assert ["…", "…"] in changes.values()


def test_something_else_has_no_differences():
    with pytest.raises(TypeError, match=r"diff\(\) got 7"):
        diff(7, {})


def test_log_keeps_changes_in_extra(outbox):
    log(None, "ORDER_CHANGED", {"source": "import"}, changes=diff({"a": 1}, {"a": 2}))
    async_to_sync(alog)(None, "ORDER_CHANGED", changes={"a": (1, 2)})
    assert outbox[0].extra == {"source": "import", "changes": {"a": [1, 2]}}
    assert outbox[1].extra == {"changes": {"a": [1, 2]}}


def test_no_changes_are_not_kept(outbox):
    log(None, "ORDER_CHANGED", changes={})
    assert outbox[0].extra == {}


def test_log_masks_changes_that_were_not_made_by_diff(outbox):
    log(None, "X", changes={"password": ["a", "b"], "data": [None, {"token": "q7Xk29ZpLm4"}]})
    assert outbox[0].extra["changes"] == {"password": [MASK, MASK], "data": [None, {"token": MASK}]}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (7, r"changes is 7 \(int\); give the result of diff"),
        ({"price": 7}, r"changes\['price'\] is 7; give a list \[old, new\]"),
        ({"price": [7]}, r"changes\['price'\] is \[7\]"),
        ({7: [1, 2]}, "changes has the key 7"),
    ],
)
def test_an_error_names_the_argument(outbox, changes, named):
    with pytest.raises(TypeError, match=named):
        log(None, "X", changes=changes)
    assert not outbox


def test_changes_need_an_extra_that_is_a_dict_without_them(outbox):
    with pytest.raises(TypeError, match=r"extra is \[7\] \(list\); with changes"):
        log(None, "X", [7], changes={"a": [1, 2]})
    with pytest.raises(ValueError, match="extra has the key 'changes'"):
        log(None, "X", {"changes": 7}, changes={"a": [1, 2]})
    log(None, "X", {"changes": 7})
    assert outbox[0].extra == {"changes": 7}


class Edit(EventLogMixin, UpdateView):
    action_kind = "UPDATED"
    log_changes = True
    model = Item
    fields = ["name", "price", "stock", "warehouse", "tags"]
    success_url = "/"


class Add(EventLogMixin, CreateView):
    action_kind = "CREATED"
    log_changes = True
    model = Widget
    fields = ["name"]
    success_url = "/"


@pytest.fixture
def item(db):
    Warehouse.objects.create(code="A")
    item = Item.objects.create(name="Lamp", price=Decimal("9.50"), stock=3)
    item.tags.add(Tag.objects.create(name="old"))
    return item


def send(rf, view, values, **kwargs):
    request = rf.post("/", values)
    assert view.as_view()(request, **kwargs).status_code == 302


def test_the_mixin_logs_what_a_form_changed(rf, item, outbox):
    tag = Tag.objects.create(name="new")
    values = {"name": "Lamp", "price": "12", "stock": 3, "warehouse": "A", "tags": [tag.pk]}
    old = item.tags.get()
    send(rf, Edit, values, pk=item.pk)
    (event,) = outbox
    assert event.action == "UPDATED_STOCK_ITEM"
    assert event.extra["changes"] == {
        "price": ["9.50", "12.00"],
        "warehouse": [None, "A"],
        "tags": [[old.pk], [tag.pk]],
    }


def test_the_mixin_logs_an_unchanged_form_without_changes(rf, item, outbox):
    values = {"name": "Lamp", "price": "9.5", "stock": 3, "tags": [item.tags.get().pk]}
    send(rf, Edit, values, pk=item.pk)
    assert [event.extra for event in outbox] == [{}]


@pytest.mark.django_db
def test_the_mixin_logs_the_values_of_a_new_object(rf, outbox):
    send(rf, Add, {"name": "Foo"})
    assert outbox[0].extra["changes"] == {"name": [None, "Foo"]}


@pytest.mark.django_db
def test_the_mixin_logs_no_changes_by_default(client, outbox):
    client.post("/widgets/add/", {"name": "sprocket"})
    assert "changes" not in outbox[0].extra


def test_the_mixin_logs_the_values_of_a_form_without_a_model(rf, outbox):
    class Settings(forms.Form):
        language = forms.CharField()
        days = forms.IntegerField()

    class View(EventLogMixin, FormView):
        action_kind = "CHANGED"
        log_changes = True
        form_class = Settings
        initial = {"language": "en", "days": 7}

        def get_success_url(self):
            return "/"

    send(rf, View, {"language": "de", "days": 7})
    assert outbox[0].extra["changes"] == {"language": ["en", "de"]}
