"""Events for the changes of tracked models."""

import copy
import gc
import pickle
import weakref
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.core import serializers
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.db import IntegrityError, connection, transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Now, Upper
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from eventlog.checks import check_settings
from eventlog.contrib.model_changes import track, untrack
from eventlog.contrib.model_changes.checks import check_model_changes, track_models_of_setting
from eventlog.models import Log
from eventlog.records.redaction import MASK

from ..stock.models import (
    Book,
    Hidden,
    Item,
    ItemProxy,
    Label,
    Ledger,
    Serial,
    Shelf,
    Size,
    Tag,
    Warehouse,
)

pytestmark = pytest.mark.django_db
MODELS = (Item, Tag, Warehouse, Serial, Hidden, Book, Shelf, User, Group)


@pytest.fixture(autouse=True)
def _untracked():
    yield
    for model in MODELS:
        untrack(model)


@pytest.fixture
def tracked():
    track(Item, exclude=["saved"])


@pytest.fixture
def lamp(tracked):
    """Return a loaded item, whose creation is not among the events."""
    item = Item.objects.create(name="Lamp", price=Decimal("9.50"), stock=3)
    Log.objects.all().delete()
    return Item.objects.get(pk=item.pk)


def events():
    """Return the action and the changes of each event, the oldest first."""
    rows = Log.objects.order_by("pk").values_list("action", "extra")
    return [(action, extra.get("changes", {})) for action, extra in rows]


def changes():
    """Return the changes of the only event."""
    ((_, found),) = events()
    return found


def queries(call):
    with CaptureQueriesContext(connection) as captured:
        call()
    return [each["sql"] for each in captured if "eventlog" not in each["sql"]]


# Saving


def test_a_new_object_is_recorded_with_its_values(tracked):
    item = Item.objects.create(name="Lamp", price=Decimal("9.50"))
    (event,) = Log.objects.all()
    assert (event.action, event.obj, event.object_repr) == ("CREATED_STOCK_ITEM", item, "Lamp")
    assert event.extra == {
        "changes": {
            "name": [None, "Lamp"],
            "price": [None, "9.50"],
            "stock": [None, 0],
            "size": [None, "s"],
        }
    }


def test_an_update_is_recorded_with_the_changed_fields_only(lamp):
    lamp.price, lamp.size = Decimal("12.00"), "l"
    lamp.save()
    assert events() == [("UPDATED_STOCK_ITEM", {"price": ["9.50", "12.00"], "size": ["s", "l"]})]


def test_a_value_is_recorded_as_the_field_stores_it(tracked):
    item = Item.objects.create(name=7, price=9, stock="3", added="2026-01-31T09:30:00+01:00")
    item.price = 12
    item.save()
    Item.objects.get().delete()
    created, updated, deleted = (found for _, found in events())
    stored = {name: old for name, (old, _) in deleted.items()}
    assert stored == {
        "name": "7",
        "price": "12.00",
        "stock": 3,
        "size": "s",
        "added": "2026-01-31T08:30:00Z",
    }
    assert {name: new for name, (_, new) in created.items()} == stored | {"price": "9.00"}
    assert updated == {"price": ["9.00", "12.00"]}


def test_a_value_that_the_field_rounds_away_is_no_change(lamp):
    lamp.price = Decimal("9.501")
    lamp.save()
    Item.objects.update(price=9.5)
    assert events() == []


def test_an_update_without_a_change_is_not_recorded(lamp):
    lamp.save()
    lamp.price = "9.5"  # text that the field converts
    lamp.save()
    assert events() == []


def test_the_second_update_is_compared_with_the_first(lamp):
    for lamp.stock in (4, 4, 5):
        lamp.save()
    assert [found for _, found in events()] == [{"stock": [3, 4]}, {"stock": [4, 5]}]


def test_a_deletion_is_recorded_with_the_values_of_the_row(lamp):
    pk, lamp.name = lamp.pk, "not saved"
    lamp.delete()
    (event,) = Log.objects.all()
    assert (event.action, event.object_id) == ("DELETED_STOCK_ITEM", str(pk))
    assert event.extra["changes"]["name"] == ["Lamp", None]


def test_a_deletion_of_a_queryset_and_by_a_cascade_is_recorded(lamp):
    track(Warehouse)
    house = Warehouse.objects.create(code="A")
    Item.objects.create(name="Bulb", warehouse=house)
    Log.objects.all().delete()
    house.delete()
    Item.plain.all().delete()
    names = Log.objects.order_by("pk").values_list("action", "object_repr")
    assert sorted(names) == [
        ("DELETED_STOCK_ITEM", "Bulb"),
        ("DELETED_STOCK_ITEM", "Lamp"),
        ("DELETED_WAREHOUSE", "A"),
    ]


def test_a_deletion_of_an_object_that_was_not_loaded_is_recorded(lamp):
    pk = lamp.pk
    Item(pk=pk, stock=9).delete()
    (event,) = Log.objects.all()
    assert (event.action, event.object_id) == ("DELETED_STOCK_ITEM", str(pk))
    assert event.extra == {}
    assert not Item.objects.exists()


def test_an_object_that_is_saved_again_after_its_deletion_is_created(lamp):
    lamp.delete()
    lamp.save()
    assert [action for action, _ in events()] == ["DELETED_STOCK_ITEM", "CREATED_STOCK_ITEM"]


def test_update_fields_limit_what_is_recorded(lamp):
    lamp.name, lamp.stock = "Bulb", 9
    lamp.save(update_fields=["stock"])
    assert changes() == {"stock": [3, 9]}
    lamp.save()
    assert [found for _, found in events()][1:] == [{"name": ["Lamp", "Bulb"]}]


def test_no_update_fields_are_no_update(lamp):
    lamp.name = "Bulb"
    lamp.save(update_fields=[])
    assert events() == []


def test_update_fields_may_name_the_column(lamp):
    lamp.warehouse_id = Warehouse.objects.create(code="A").pk
    lamp.save(update_fields=["warehouse_id"])
    assert changes() == {"warehouse": [None, "A"]}


def test_a_related_object_is_recorded_by_its_key(lamp):
    lamp.warehouse = Warehouse.objects.create(code="A")
    lamp.save()
    assert changes() == {"warehouse": [None, "A"]}


def test_a_document_that_was_changed_in_place_is_compared(lamp):
    lamp.data["colour"] = {"name": "red"}
    lamp.save()
    lamp.data["colour"]["name"] = "blue"
    lamp.save()
    assert [found["data"] for _, found in events()] == [
        [{}, {"colour": {"name": "red"}}],
        [{"colour": {"name": "red"}}, {"colour": {"name": "blue"}}],
    ]


def test_a_value_of_the_sites_field_that_was_changed_in_place_is_compared():
    track(Shelf)
    shelf = Shelf.objects.create(number="A7", size=Size(30))
    shelf.size.height = 40
    shelf.save()
    shelf = Shelf.objects.get()
    shelf.save()
    shelf.size.height = 50
    shelf.save()
    assert [found["size"] for _, found in events()] == [
        [None, "30 cm"],
        ["30 cm", "40 cm"],
        ["40 cm", "50 cm"],
    ]


def test_a_document_in_another_order_is_the_same(lamp):
    lamp.data = {"a": 1, "b": 2}
    lamp.save()
    lamp.data = {"b": 2, "a": 1}
    lamp.save()
    assert changes() == {"data": [{}, {"a": 1, "b": 2}]}


def test_a_file_is_recorded_by_its_name(lamp, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    lamp.manual.save("first.txt", ContentFile(b"x"))
    lamp.manual.delete()
    assert [found for _, found in events()] == [
        {"manual": ["", "manuals/first.txt"]},
        {"manual": ["manuals/first.txt", ""]},
    ]


def test_a_secret_is_masked(lamp):
    lamp.api_key = "q7Xk29ZpLm4"
    lamp.save()
    lamp.api_key = "another7Xk29Zp"
    lamp.save()
    assert [found for _, found in events()] == [{"api_key": ["", MASK]}, {"api_key": [MASK, MASK]}]


def test_times_are_compared_as_moments(lamp):
    lamp.added = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
    lamp.save()
    lamp.added = datetime.fromisoformat("2026-01-31T10:30:00+01:00")
    lamp.save()
    assert changes() == {"added": [None, "2026-01-31T09:30:00Z"]}


def test_a_time_that_each_save_sets_is_not_a_change_of_its_own():
    track(Item)
    item = Item.objects.create(name="Lamp")
    item.save()
    assert len(events()) == 1
    item.stock = 7
    item.save()
    assert events()[1][1].keys() == {"stock", "saved"}


def test_the_computed_value_of_an_expression_is_recorded(lamp):
    lamp.stock = F("stock") + 4
    lamp.save()
    assert changes() == {"stock": [3, 7]}
    lamp.refresh_from_db()
    lamp.save()
    assert len(events()) == 1


def test_the_computed_value_of_a_new_object_is_recorded(tracked):
    Item.objects.create(name=Upper(Value("lamp")), added=Now())
    assert changes()["name"] == [None, "LAMP"]
    assert changes()["added"][1].startswith("20")


def test_an_object_with_a_given_key_is_created_or_updated(tracked):
    track(Warehouse)
    track(Serial)
    Warehouse.objects.create(code="A")
    Warehouse(code="A").save()
    serial = Serial.objects.create(number=7)
    Serial(pk=serial.pk, number=8).save(force_update=True)
    item = Item.objects.create(name="Lamp", stock=3)
    Item(pk=item.pk, name="Lamp", stock=4).save()
    assert [action for action, _ in events()] == [
        "CREATED_WAREHOUSE",
        "CREATED_SERIAL",
        "UPDATED_SERIAL",
        "CREATED_STOCK_ITEM",
        "UPDATED_STOCK_ITEM",
    ]
    assert events()[-1][1] == {"stock": [3, 4]}


def test_a_copy_with_a_new_key_is_created_and_leaves_the_original_alone(lamp):
    clone = copy.copy(lamp)
    clone.pk = clone.id = None
    clone.save()
    lamp.stock = 4
    lamp.save()
    assert [action for action, _ in events()] == ["CREATED_STOCK_ITEM", "UPDATED_STOCK_ITEM"]
    assert events()[1][1] == {"stock": [3, 4]}


def test_an_object_that_takes_the_key_of_another_is_compared_with_that_row(lamp):
    other = Item.objects.create(name="Bulb", stock=8)
    lamp.pk = lamp.id = other.pk
    lamp.save()
    assert events()[1][1] == {"name": ["Bulb", "Lamp"], "stock": [8, 3], "price": ["0.00", "9.50"]}


def test_an_unpickled_object_is_compared(lamp):
    loaded = pickle.loads(pickle.dumps(lamp))
    loaded.stock = 4
    assert len(queries(loaded.save)) == 1
    assert changes() == {"stock": [3, 4]}


def test_an_object_is_saved_after_a_save_that_failed(lamp):
    item = Item(pk=lamp.pk, name=None, stock=4)
    with pytest.raises(IntegrityError), transaction.atomic():
        item.save()
    item.name = "Lamp"
    item.save()
    assert changes()["stock"] == [3, 4]


def test_an_object_that_was_only_refreshed_is_compared(lamp):
    item = Item(pk=lamp.pk)
    item.refresh_from_db()
    item.stock = 4
    item.save()
    assert changes() == {"stock": [3, 4]}


def test_an_object_that_was_saved_in_a_transaction_can_be_copied(lamp):
    class Hook:
        def __call__(self):
            pass  # pragma: no cover (the transaction of the test is not committed)

    hook = Hook()
    kept = weakref.ref(hook)
    with pytest.raises(RuntimeError), transaction.atomic():
        transaction.on_commit(hook)
        lamp.stock = 4
        lamp.save()
        copies = [pickle.loads(pickle.dumps(lamp)), copy.deepcopy(lamp)]
        for each in copies:
            each.save()
        assert changes() == {"stock": [3, 4]}
        raise RuntimeError
    del hook
    gc.collect()
    assert kept() is None
    for each in copies:
        each.stock = 5
        each.save()
    assert changes() == {"stock": [3, 5]}


@pytest.mark.django_db(transaction=True)
def test_a_change_after_a_rollback_without_autocommit_is_recorded(lamp):
    transaction.set_autocommit(False)
    try:
        for _ in range(2):
            lamp.stock = 4
            lamp.save()
            transaction.rollback()
        lamp.save()
        transaction.commit()
    finally:
        transaction.set_autocommit(True)
    assert changes() == {"stock": [3, 4]}


def test_proxies_count_as_their_model(lamp):
    proxy = ItemProxy.objects.get()
    proxy.stock = 4
    proxy.save()
    proxy.delete()
    assert [action for action, _ in events()] == ["UPDATED_STOCK_ITEM", "DELETED_STOCK_ITEM"]


def test_a_child_with_its_own_table_has_the_fields_of_its_parent():
    track(Book, exclude=["saved"])
    book = Book.objects.create(name="Novel", pages=7)
    book = Book.objects.get()
    book.name, book.pages = "Poems", 8
    assert len(queries(book.save)) == 2  # one for each table
    assert events()[0][1]["name"] == [None, "Novel"]
    assert events()[0][1]["pages"] == [None, 7]
    assert events()[1] == ("UPDATED_BOOK", {"name": ["Novel", "Poems"], "pages": [7, 8]})


def test_a_child_of_a_tracked_model_is_not_tracked(tracked):
    Book.objects.create(name="Novel")
    assert events() == []


def test_rows_that_the_default_manager_hides_are_compared():
    track(Hidden)
    hidden = Hidden._base_manager.create(name="old")
    Hidden(pk=hidden.pk, name="new").save()
    assert events()[1][1] == {"name": ["old", "new"]}


def test_an_async_save_is_recorded(lamp):
    lamp.stock = 4
    async_to_sync(lamp.asave)()
    async_to_sync(lamp.arefresh_from_db)()
    async_to_sync(lamp.adelete)()
    assert [action for action, _ in events()] == ["UPDATED_STOCK_ITEM", "DELETED_STOCK_ITEM"]


# Which fields


def test_only_the_given_fields_are_recorded():
    track(Item, fields=["name", "stock"], exclude=["stock"])
    item = Item.objects.create(name="Lamp", stock=3)
    item.stock = item.price = 4
    item.save()
    item.save(update_fields=["stock"])
    assert events() == [("CREATED_STOCK_ITEM", {"name": [None, "Lamp"]})]


def test_actions_may_have_other_names():
    track(Tag, actions={"CREATED": "TAG_ADDED"})
    tag = Tag.objects.create(name="new")
    tag.delete()
    assert [action for action, _ in events()] == ["TAG_ADDED", "DELETED_TAG"]


def test_actions_do_not_depend_on_the_language():
    track(User, exclude=["last_login"])
    with override("de"):
        User.objects.create_user("zora", password="hunter2")
    ((action, found),) = events()
    assert action == "CREATED_USER"
    assert found["password"] == [None, MASK]


def test_an_untracked_model_is_not_recorded(lamp):
    untrack(Item)
    lamp.stock = 4
    lamp.save()
    lamp.tags.add(Tag.objects.create(name="new"))
    Item.objects.update(stock=5)
    Item.objects.bulk_create([Item(name="Bulb")])
    lamp.delete()
    assert events() == []


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"exclude": ["pric"]}, "has no field 'pric'. Did you mean 'price'"),
        ({"fields": ["id"]}, "the field 'id' of stock.Item cannot be recorded"),
        ({"exclude": "price"}, "'price' is a text"),
        ({"actions": {"ADDED": "X"}}, "actions has the key 'ADDED'. Use: CREATED"),
    ],
)
def test_a_wrong_option_is_an_error(options, named):
    with pytest.raises(ImproperlyConfigured, match=named):
        track(Item, **options)


@pytest.mark.parametrize(
    ("model", "named"), [(Log, "is a model of eventlog"), ("shop.order", "is not a model")]
)
def test_a_wrong_model_is_an_error(model, named):
    with pytest.raises(ImproperlyConfigured, match=named):
        track(model)


def test_the_app_must_be_installed(settings):
    settings.INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "eventlog"]
    with pytest.raises(ImproperlyConfigured, match=r"needs 'eventlog\.contrib\.model_changes'"):
        track(Item)
    settings.EVENTLOG = {"MODEL_CHANGES": {"stock.item": {}}}
    assert [message.id for message in check_settings()] == ["eventlog.W031"]


def test_a_model_may_be_tracked_where_it_is_defined():
    ledger = Ledger.objects.create(total=1)
    ledger.total = 2
    ledger.save()
    assert [found for _, found in events()] == [{"total": [None, 1]}, {"total": [1, 2]}]


def test_the_setting_tracks_models(settings):
    settings.EVENTLOG = {"MODEL_CHANGES": {"stock.Tag": {}, "stock.nothing": {}}}
    track_models_of_setting()
    Tag.objects.create(name="new")
    assert events() == [("CREATED_TAG", {"name": [None, "new"]})]


@pytest.mark.parametrize(
    ("entries", "check_id", "named"),
    [
        ({"stock.itm": {}}, "eventlog.E031", ["'stock.itm'", "'stock.item'"]),
        ({"item": {}}, "eventlog.E031", ["'item'", "app_label.model"]),
        ({"eventlog.log": {}}, "eventlog.E031", ["Log", "do not track"]),
        ({"stock.item": {"exclude": ["pric"]}}, "eventlog.E032", ["'pric'", "'price'"]),
        ({"stock.item": {"excluded": []}}, "eventlog.E033", ["'excluded'", "exclude"]),
        ({"stock.item": None}, "eventlog.E033", ["None", "{}"]),
        ({b"stock.item": {}}, "eventlog.E031", ["b'stock.item'", "Did you mean 'stock.item'"]),
        ({"stock.item": {"fields": True}}, "eventlog.E032", ["True", "a list"]),
        ({"stock.item": {"fields": [["price"]]}}, "eventlog.E032", ["['price']", "price"]),
        ({"stock.item": {"exclude": None}}, "eventlog.E032", ["None", "a list"]),
        ({"stock.item": {"actions": ["X"]}}, "eventlog.E033", ["actions", "a dict"]),
        ({"stock.item": {"actions": {"CREATED": ""}}}, "eventlog.E033", ["actions", "''"]),
        ({"stock.item": {"fixtures": "no"}}, "eventlog.E033", ["fixtures", "True or False"]),
    ],
)
def test_a_wrong_entry_of_the_setting_is_reported(settings, entries, check_id, named):
    settings.EVENTLOG = {"MODEL_CHANGES": entries}
    track_models_of_setting()  # the site starts without the wrong entry
    assert check_settings() == []
    (message,) = check_model_changes()
    assert message.id == check_id
    text = f"{message.msg} {message.hint}".lower()
    assert all(name.lower() in text for name in named), text


def test_a_setting_of_the_wrong_type_is_reported(settings):
    settings.EVENTLOG = {"MODEL_CHANGES": ["stock.item"]}
    assert [message.id for message in check_settings()] == ["eventlog.E002"]
    assert check_model_changes() == []


# Queries


def test_a_loaded_object_is_saved_without_a_further_query(lamp):
    lamp.stock = 4
    assert len(queries(lamp.save)) == 1
    lamp.stock = 5
    assert len(queries(lamp.save)) == 1


def test_a_new_object_is_saved_without_a_further_query(tracked):
    assert len(queries(lambda: Item.objects.create(name="Lamp"))) == 1
    item = Item.objects.get()
    assert len(queries(item.save)) == 1


def test_a_deferred_field_takes_one_query_if_it_is_saved(lamp):
    item = Item.objects.only("name").get()
    item.name = "Bulb"
    assert len(queries(item.save)) == 1
    item.stock, item.size = 9, "l"
    assert len(queries(item.save)) == 2
    assert [found for _, found in events()] == [
        {"name": ["Lamp", "Bulb"]},
        {"stock": [3, 9], "size": ["s", "l"]},
    ]


def test_a_deferred_field_that_was_read_takes_no_query(lamp):
    item = Item.objects.only("name").get()
    item.stock += 1
    assert len(queries(item.save)) == 1
    assert changes() == {"stock": [3, 4]}


def test_an_expression_takes_one_query(lamp):
    lamp.stock = F("stock") + 1
    assert len(queries(lamp.save)) <= 2


def test_a_computed_value_is_not_compared_with_the_value_before(lamp):
    item = Item.objects.only("name").get()
    item.stock = F("stock") + 1
    item.save()
    item.stock = 3
    item.save()
    assert events()[1:] == [("UPDATED_STOCK_ITEM", {"stock": [4, 3]})]


def test_a_computed_value_of_a_bulk_creation_is_not_compared(tracked):
    Item.objects.bulk_create([Item(name=Upper(Value("lamp")))])
    (item,) = Item.objects.bulk_create([Item(name=Upper(Value("bulb")))])
    item.name = "BULB"
    item.save()
    assert len(events()) == 2


def test_an_expression_of_a_deferred_field_takes_one_query(lamp):
    item = Item.objects.only("name").get()
    item.stock = F("stock") + 1
    assert len(queries(item.save)) == 2
    (old, new) = changes()["stock"]
    assert (old, new) in ((3, "F(stock) + Value(1)"), (3, 4))
    item.refresh_from_db()
    item.stock = 9
    item.save()
    assert events()[1][1] == {"stock": [4, 9]}


def test_a_switched_off_log_takes_no_query(lamp, settings):
    settings.EVENTLOG = {"ENABLED": False}
    assert len(queries(lambda: Item.objects.update(stock=4))) == 1
    item = Item.objects.only("name").get()
    item.stock, item.size = F("stock") + 1, "l"
    assert len(queries(item.save)) == 1
    settings.EVENTLOG = {}
    item.stock = 6
    item.save()
    assert changes() == {"stock": [5, 6]}


def test_a_switched_off_log_takes_no_query_for_relations(lamp, settings):
    tag = Tag.objects.create(name="new")
    lamp.tags.add(tag)
    Log.objects.all().delete()
    settings.EVENTLOG = {"ENABLED": False}
    sql = queries(lambda: lamp.tags.remove(tag))
    assert not [each for each in sql if each.startswith("SELECT")]


def test_an_untracked_model_takes_no_query_and_keeps_no_values(lamp):
    tag = Tag.objects.create(name="new")
    assert len(queries(tag.save)) == 1
    assert not [name for name in vars(Tag.objects.get()._state) if name.startswith("eventlog")]
    assert [name for name in vars(lamp._state) if name.startswith("eventlog")]


def test_a_refreshed_object_is_compared_with_its_new_values(lamp):
    Item.plain.update(stock=8, name="Bulb")
    lamp.refresh_from_db()
    lamp.price = Decimal("1.00")
    lamp.save()
    assert changes() == {"price": ["9.50", "1.00"]}


def test_a_partly_refreshed_object_is_compared_with_both(lamp):
    Item.plain.update(stock=8)
    lamp.name = "Bulb"
    lamp.refresh_from_db(fields=["stock"])
    lamp.save()
    assert changes() == {"name": ["Lamp", "Bulb"]}


# Transactions


def test_events_are_rolled_back_with_the_transaction(lamp):
    with pytest.raises(RuntimeError), transaction.atomic():
        lamp.stock = 4
        lamp.save()
        raise RuntimeError
    assert events() == []


def test_a_change_after_a_rollback_is_compared_with_the_row(lamp):
    with pytest.raises(RuntimeError), transaction.atomic():
        lamp.stock = 4
        lamp.save()
        raise RuntimeError
    lamp.save()
    assert changes() == {"stock": [3, 4]}


@pytest.mark.django_db(transaction=True)
def test_a_change_after_a_rolled_back_transaction_is_compared_with_the_row(lamp):
    @transaction.atomic
    def fail():
        lamp.stock = 4
        lamp.save()
        raise RuntimeError

    for _ in range(2):
        with pytest.raises(RuntimeError):
            fail()
    lamp.save()
    assert changes() == {"stock": [3, 4]}
    with transaction.atomic():
        lamp.stock = 5
        lamp.save()
    lamp.stock = 6
    lamp.save()
    assert [found for _, found in events()[1:]] == [{"stock": [4, 5]}, {"stock": [5, 6]}]


@pytest.mark.django_db(transaction=True)
def test_an_error_of_recording_does_not_break_a_save_without_a_transaction(lamp, settings, caplog):
    settings.EVENTLOG = {"MAX_EXTRA_BYTES": 2}
    lamp.name = "Bulb"
    lamp.save()
    assert Item.objects.get().name == "Bulb"
    assert "recording the change of a model" in caplog.text


def test_an_error_of_recording_is_raised_in_a_transaction(lamp, settings):
    settings.EVENTLOG = {"MAX_EXTRA_BYTES": 2}
    lamp.name = "Bulb"
    with pytest.raises(ValueError, match="MAX_EXTRA_BYTES"), transaction.atomic():
        lamp.save()
    assert Item.objects.get().name == "Lamp"


def test_fixtures_are_not_recorded_unless_they_should_be(lamp):
    lamp.stock = 7
    text = serializers.serialize("json", [lamp])
    for each in serializers.deserialize("json", text):
        each.save()
    assert events() == []
    track(Item, exclude=["saved"], fixtures=True)
    for each in serializers.deserialize("json", text.replace('"stock": 7', '"stock": 9')):
        each.save()
    assert changes() == {"stock": [7, 9]}


# Requests


def test_the_user_and_the_facts_of_the_request_are_recorded(root, settings):
    settings.EVENTLOG = {"REQUESTS": []}
    track(Group)
    assert root.post("/admin/auth/group/add/", {"name": "editors"}).status_code == 302
    event = Log.objects.get(action="CREATED_GROUP")
    assert event.user == User.objects.get()
    assert event.extra["path"] == "/admin/auth/group/add/"
    assert event.extra["changes"] == {"name": [None, "editors"]}


# Many-to-many


@pytest.fixture
def tags():
    return [Tag.objects.create(name=name) for name in ("one", "two", "three")]


def keys(*tags):
    return [tag.pk for tag in tags]


def test_added_removed_and_cleared_objects_are_recorded(lamp, tags):
    one, two, three = tags
    lamp.tags.add(one, two)
    lamp.tags.remove(one, three)
    lamp.tags.set([two, three])
    lamp.tags.clear()
    assert [found["tags"] for _, found in events()] == [
        [[], keys(one, two)],
        [keys(one), []],
        [[], keys(three)],
        [keys(two, three), []],
    ]


def test_relations_that_do_not_change_are_not_recorded(lamp, tags):
    lamp.tags.add(tags[0])
    lamp.tags.add(tags[0])
    lamp.tags.remove(tags[1])
    lamp.tags.set([tags[0]])
    tags[1].items.clear()
    assert len(events()) == 1


def test_changes_from_the_other_side_are_recorded(lamp, tags):
    other = Item.objects.create(name="Bulb")
    Log.objects.all().delete()
    tag = tags[0]
    tag.items.add(lamp, other)
    tag.items.remove(other)
    tag.items.clear()
    found = [(event.obj, event.extra["changes"]["tags"]) for event in Log.objects.order_by("pk")]
    assert found == [
        (lamp, [[], [tag.pk]]),
        (other, [[], [tag.pk]]),
        (other, [[tag.pk], []]),
        (lamp, [[tag.pk], []]),
    ]


def test_a_relation_to_the_same_model_is_recorded_for_its_owner(lamp):
    other = Item.objects.create(name="Bulb")
    Log.objects.all().delete()
    lamp.related.add(other)
    (event,) = Log.objects.all()
    assert (event.obj, event.extra["changes"]) == (lamp, {"related": [[], [other.pk]]})


def test_a_relation_by_another_field_than_the_key_is_recorded():
    track(Shelf)
    shelf, label = Shelf.objects.create(number="A7"), Label.objects.create(text="red")
    Log.objects.all().delete()
    label.shelves.add(shelf)
    label.shelves.remove(shelf)
    shelf.labels.add(label)
    label.shelves.clear()
    assert [found["labels"] for _, found in events()] == 2 * [[[], ["red"]], [["red"], []]]
    assert {event.obj for event in Log.objects.all()} == {shelf}


def test_an_excluded_relation_is_not_recorded(tags):
    track(Item, exclude=["tags"])
    item = Item.objects.create(name="Lamp")
    item.tags.add(tags[0])
    assert len(events()) == 1


def test_relations_of_a_child_are_recorded(tags):
    track(Book)
    book = Book.objects.create(name="Novel")
    Log.objects.all().delete()
    book.tags.add(tags[0])
    tags[0].items.remove(book)
    assert events() == [
        ("UPDATED_BOOK", {"tags": [[], [tags[0].pk]]}),
        ("UPDATED_BOOK", {"tags": [[tags[0].pk], []]}),
    ]


def test_a_relation_of_a_tracked_child_of_a_tracked_parent_is_recorded_once(tags):
    track(Item)
    track(Book)
    book, item = Book.objects.create(name="Novel"), Item.objects.create(name="Lamp")
    Log.objects.all().delete()
    book.tags.add(tags[0])
    tags[0].items.remove(book)
    tags[0].items.add(item)
    tags[0].items.clear()
    assert [action for action, _ in events()] == [
        *("UPDATED_BOOK", "UPDATED_BOOK"),
        *("UPDATED_STOCK_ITEM", "UPDATED_STOCK_ITEM"),
    ]


# Bulk changes


def test_an_update_by_an_object_has_its_key_and_not_its_text(lamp, monkeypatch):
    monkeypatch.setattr(Warehouse, "__str__", lambda self: f"Warehouse {self.code}")
    Item.objects.update(warehouse=Warehouse.objects.create(code="A"))
    assert changes() == {"warehouse": [None, "A"]}


def test_an_update_of_a_tracked_queryset_is_recorded(lamp):
    Item.plain.bulk_create([Item(name="Bulb", stock=8), Item(name="Wire", stock=4)])
    assert Item.objects.filter(stock__lt=8).update(stock=4) == 2
    (event,) = Log.objects.all()  # of Wire, nothing changed
    assert (event.obj, event.extra["changes"]) == (lamp, {"stock": [3, 4]})


def test_an_update_of_a_tracked_queryset_takes_one_more_query(lamp):
    sql = queries(lambda: Item.objects.filter(pk=lamp.pk).order_by("name").update(stock=4))
    assert len([each for each in sql if "SAVEPOINT" not in each]) == 2


def test_the_computed_values_of_an_update_are_recorded(lamp):
    Item.objects.create(name="Bulb", stock=8)
    Log.objects.all().delete()
    name = Case(When(price=Decimal("9.50"), then=Value("x")), default="name")
    Item.objects.update(stock=F("stock") + 1, name=name)
    assert [found for _, found in events()] == [
        {"stock": [3, 4], "name": ["Lamp", "x"]},
        {"stock": [8, 9]},
    ]


def test_an_update_by_an_object_is_recorded_by_its_key(lamp):
    Item.objects.update(warehouse=Warehouse.objects.create(code="A"))
    async_to_sync(Item.objects.all().aupdate)(warehouse_id=None)
    assert [found for _, found in events()] == [
        {"warehouse": [None, "A"]},
        {"warehouse": ["A", None]},
    ]


def test_an_update_by_a_key_is_recorded(lamp):
    for code in "ABC":
        Warehouse.objects.create(code=code)
    Item.objects.update(warehouse_id="A")
    Item.objects.update(warehouse="B")
    lamp.warehouse_id = "C"
    Item.objects.bulk_update([lamp], ["warehouse"])
    assert [found["warehouse"] for _, found in events()] == [[None, "A"], ["A", "B"], ["B", "C"]]


def test_bulk_create_and_bulk_update_are_recorded(tracked):
    items = Item.objects.bulk_create([Item(name="Lamp", stock=3), Item(name="Bulb", stock=8)])
    assert [found["stock"] for _, found in events()] == [[None, 3], [None, 8]]
    items = list(Item.objects.order_by("pk"))
    for item in items:
        item.stock += 1
    Item.objects.bulk_update(items, ["stock"])
    assert [found for _, found in events()[2:]] == [{"stock": [3, 4]}, {"stock": [8, 9]}]


def test_rows_whose_keys_the_database_does_not_return_are_recorded(tracked, monkeypatch):
    features = type(connection.features)
    monkeypatch.setattr(features, "can_return_rows_from_bulk_insert", False)
    (item,) = Item.objects.bulk_create([Item(name="Lamp", stock=3)])
    assert item.pk is None
    (event,) = Log.objects.all()
    assert (event.object_id, event.object_repr) == (None, "Lamp")
    assert event.content_type.model_class() is Item
    assert event.extra["changes"]["stock"] == [None, 3]
    assert Item.objects.get().name == "Lamp"


def test_rows_that_may_not_be_inserted_are_not_recorded(tracked):
    Item.objects.bulk_create([Item(name="Lamp")], None, True)
    assert events() == []


def test_a_save_after_a_bulk_update_records_no_change_twice(lamp):
    lamp.stock = 4
    Item.objects.bulk_update([lamp], ["stock"])
    lamp.save()
    assert changes() == {"stock": [3, 4]}
    lamp.stock = 5
    lamp.save()
    assert events()[1:] == [("UPDATED_STOCK_ITEM", {"stock": [4, 5]})]


def test_a_save_of_the_value_before_a_bulk_update_is_recorded(lamp):
    lamp.stock = 12
    Item.objects.bulk_update([lamp], ["stock"])
    lamp.stock = 3
    lamp.save()
    assert [found for _, found in events()] == [{"stock": [3, 12]}, {"stock": [12, 3]}]


def test_a_save_after_an_async_bulk_update_records_no_change_twice(lamp):
    @async_to_sync
    async def save():
        lamp.stock = 4
        await Item.objects.abulk_update(iter([lamp]), iter(["stock"]))
        await lamp.asave()
        await lamp.arefresh_from_db()
        await lamp.asave()

    save()
    assert changes() == {"stock": [3, 4]}


def test_a_save_after_a_bulk_update_of_other_rows_is_recorded(lamp):
    lamp.stock = 4
    Item.objects.filter(name="Bulb").bulk_update([lamp], ["stock"])
    assert events() == []
    lamp.save()
    assert changes() == {"stock": [3, 4]}


def test_other_unsaved_values_are_recorded_after_a_bulk_update(lamp):
    lamp.stock, lamp.name = 4, "Bulb"
    Item.objects.bulk_update([lamp], ["stock"])
    lamp.save()
    assert [found for _, found in events()] == [{"stock": [3, 4]}, {"name": ["Lamp", "Bulb"]}]


@pytest.mark.skipif(
    not connection.features.supports_update_conflicts_with_target, reason="no ON CONFLICT (id)"
)
def test_a_save_after_an_upsert_is_compared_with_the_row(lamp):
    lamp.stock = 4
    Item.objects.bulk_create([lamp], None, False, True, ["stock"], ["id"])
    lamp.save()
    assert events() == []
    lamp.stock = 5
    lamp.save()
    assert changes() == {"stock": [4, 5]}


def test_methods_that_save_are_recorded(lamp):
    Item.objects.get_or_create(name="Bulb")
    Item.objects.update_or_create(defaults={"stock": 4}, name="Lamp")
    assert [action for action, _ in events()] == ["CREATED_STOCK_ITEM", "UPDATED_STOCK_ITEM"]


def test_a_bulk_change_is_rolled_back_with_its_events(lamp):
    with pytest.raises(RuntimeError), transaction.atomic():
        Item.objects.update(stock=4)
        Item.objects.bulk_create([Item(name="Bulb")])
        raise RuntimeError
    assert events() == []


def test_a_sliced_queryset_is_refused_as_django_does(lamp):
    with pytest.raises(TypeError, match="slice"):
        Item.objects.all()[:1].update(stock=4)


def test_an_untracked_manager_records_no_update(lamp):
    Item.plain.update(stock=4)
    assert events() == []


def test_the_app_needs_no_tables():
    assert list(apps.get_app_config("eventlog_model_changes").get_models()) == []
