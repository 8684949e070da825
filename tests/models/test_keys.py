"""Objects with any primary key are found, linked and distinguished."""

import re
import uuid
from datetime import UTC, datetime
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.contenttypes.prefetch import GenericPrefetch
from django.core import exceptions
from django.db import connection, models
from django.template import engines

from eventlog.models import Log, log

from ..shop.models import Country, Crate, Passport, Stay, Token, Widget

pytestmark = pytest.mark.django_db

BEGAN = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
ODD = [
    "item_24",
    "row_40",
    "a b",
    " a ",
    'say "hi"',
    "it's",
    "app:model:7",
    "a/b/c",
    "100%",
    "a%2Fb",
    "Zürich Ωß",
    "日本 \U0001f600",
    "a?b#c&d=e;f+g",
    "a\\b",
    "<b>",
    "line\nbreak",
    "add",
    "a_",
    "[1, 2]",
]


@pytest.fixture(autouse=True)
def _no_requests(settings):
    settings.EVENTLOG = {"REQUESTS": []}


def actions(events):
    return sorted(event.action for event in events)


# Links


@pytest.fixture
def staff(client, settings):
    settings.ROOT_URLCONF = "tests.sites"
    client.force_login(User.objects.create_superuser("root"))
    return client


def links(response):
    assert response.status_code == 200
    return [unescape(found) for found in re.findall(r'href="([^"]+)"', response.content.decode())]


@pytest.mark.parametrize("key", ODD)
def test_the_page_of_an_event_links_to_the_page_of_its_object(staff, key):
    country = Country.objects.create(code=key)
    event = log(None, "X", obj=country)
    page = links(staff.get(f"/ops/eventlog/log/{event.pk}/change/"))
    (address,) = [link for link in page if link.startswith("/ops/shop/country/")]
    assert staff.get(address).context["original"] == country


@pytest.mark.parametrize("key", ODD)
def test_the_page_of_an_object_links_to_its_events(staff, key):
    country = Country.objects.create(code=key)
    event = log(None, "X", obj=country)
    log(None, "OTHER", obj=Country.objects.create(code="other"))
    from_event = links(staff.get(f"/ops/eventlog/log/{event.pk}/change/"))
    (address,) = [link for link in from_event if link.startswith("/ops/shop/country/")]
    found = {link for link in [*from_event, *links(staff.get(address))] if "?q=obj" in link}
    assert len(found) == 1
    assert list(staff.get(found.pop()).context["cl"].result_list) == [event]


def test_the_page_of_a_user_with_any_username_is_linked(staff):
    odd = User.objects.create_user('anna "the_one" 7:8/9')
    event = log(odd, "X", obj=odd)
    page = links(staff.get(f"/ops/eventlog/log/{event.pk}/change/"))
    assert f"/ops/auth/user/{odd.pk}/change/" in page
    for address in [link for link in page if "?q=user" in link]:
        assert list(staff.get(address).context["cl"].result_list) == [event]


def test_an_event_whose_content_type_is_gone_has_a_page_without_links(staff):
    gone = ContentType.objects.create(app_label="gone", model="thing")
    event = Log.objects.create(action="X", content_type=gone, object_id="7", object_repr="thing 7")
    assert "thing 7" in staff.get(f"/ops/eventlog/log/{event.pk}/change/").content.decode()
    assert event.obj is None
    assert "thing 7" in staff.get("/ops/eventlog/log/").content.decode()


@pytest.mark.parametrize("key", ODD)
def test_a_timeline_has_the_events_of_an_object_of_any_key(key):
    country = Country.objects.create(code=key)
    log(None, "CREATED", obj=country)
    log(None, "OTHER", obj=Country.objects.create(code="other"))
    tag = engines["django"].from_string("{% load eventlog %}{% event_timeline obj %}")
    html = tag.render({"obj": country})
    assert "CREATED" in html
    assert "OTHER" not in html


# event.obj


def stay(code="FR", **values):
    country, _ = Country.objects.get_or_create(code=code)
    return Stay.objects.create(**{"country": country, "began": BEGAN, **values})


MAKE = {
    "integer": lambda: Widget.objects.create(name="w"),
    "uuid": Token.objects.create,
    "text": lambda: Country.objects.create(code='f/r_é "'),
    "another model's": lambda: Passport.objects.create(country=Country.objects.create(code="FR")),
    "composite": stay,
    "composite, odd": lambda: stay('a "b", c\\'),
}


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_an_object_with_any_key_is_found(make):
    obj = make()
    log(None, "X", obj=obj)
    assert Log.objects.get().obj == obj
    assert Log.objects.prefetch_related("obj").get().obj == obj
    assert actions(Log.objects.for_object(obj)) == ["X"]
    again = type(obj)._base_manager.get(pk=obj.pk)
    assert actions(Log.objects.for_object(again)) == ["X"]


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_an_object_that_is_assigned_to_the_row_is_stored_by_its_key(make):
    obj = make()
    event = Log.objects.create(action="X", obj=obj)
    assert event.obj is obj
    assert Log.objects.get().obj == obj
    assert actions(Log.objects.for_object(obj)) == ["X"]


def test_composite_keys_that_differ_by_a_microsecond_are_distinguished():
    first, room = stay(), uuid.UUID(int=7)
    second = stay(room=first.room, began=BEGAN.replace(microsecond=678902))
    third = stay(room=room)
    for number, obj in enumerate([first, second, third]):
        log(None, f"X{number}", obj=obj)
    assert [actions(Log.objects.for_object(obj)) for obj in (first, second, third)] == [
        ["X0"],
        ["X1"],
        ["X2"],
    ]


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_a_deleted_object_leaves_its_name_and_no_object(make):
    obj = make()
    log(None, "X", obj=obj)
    name = str(obj)
    obj.delete()
    assert list(Log.objects.for_object(obj)) == []
    for event in (Log.objects.get(), Log.objects.prefetch_related("obj").get()):
        assert (event.obj, event.object_repr) == (None, name)


def test_a_uuid_given_as_text_is_the_same_key():
    log(None, "X", obj=Token.objects.create(id="00000000000000000000000000000007"))
    token = Token.objects.get()
    assert Log.objects.get().obj == token
    assert actions(Log.objects.for_object(token)) == ["X"]


UNFIT = {
    Widget: ["", "abc", "7.5", "-1", "9" * 30, "-" + "9" * 30, "½", "[1, 2]", "0", str(2**63)],
    Token: ["", "abc", "7", "x" * 255],
    Country: ["", "nowhere", "x" * 255],
    Passport: ["", "nowhere", "x" * 255],
    Stay: ["", "abc", "7", "null", "[]", '["FR"]', "[[1], 2, 3]", '["FR", "abc", "yesterday"]',
           f'["FR", "{uuid.UUID(int=1)}", null]', '"abc"', "[" * 200, '{"a": 1, "b": 2, "c": 3}'],
}  # fmt: skip
ROWS = [(model, key) for model, keys in UNFIT.items() for key in keys]


@pytest.mark.parametrize(("model", "key"), ROWS)
def test_the_object_of_a_key_that_the_model_does_not_accept_is_none(model, key):
    kind = ContentType.objects.get_for_model(model)
    Log.objects.create(action="X", content_type=kind, object_id=key)
    assert Log.objects.get().obj is None
    assert Log.objects.prefetch_related("obj").get().obj is None


def test_prefetching_objects_takes_one_query_for_each_content_type(django_assert_num_queries):
    objects = [make() for make in list(MAKE.values())[:5]]
    for obj in objects:
        log(None, "FOUND", obj=obj)
    for model, key in ROWS:
        kind = ContentType.objects.get_for_model(model)
        Log.objects.create(action="UNFIT", content_type=kind, object_id=key)
    gone = ContentType.objects.create(app_label="gone", model="thing")
    Log.objects.create(action="REMOVED", content_type=gone, object_id="7")
    Log.objects.create(action="KEYLESS", content_type=ContentType.objects.get_for_model(Widget))
    log(None, "NONE")
    ContentType.objects.get_for_id(gone.pk)  # fills the cache of content types
    with django_assert_num_queries(1 + len(objects)):
        events = list(Log.objects.prefetch_related("obj"))
        found = [(event.action, event.obj) for event in events]
    assert [obj for action, obj in found if action == "FOUND"] == objects[::-1]
    assert {obj for action, obj in found if action != "FOUND"} == {None}


def test_a_generic_prefetch_may_have_its_own_querysets(django_assert_num_queries):
    passport = MAKE["another model's"]()
    log(None, "X", obj=passport)
    log(None, "Y", obj=Widget.objects.create(name="w"))
    with django_assert_num_queries(3):
        own = GenericPrefetch("obj", [Passport.objects.select_related("country")])
        events = list(Log.objects.prefetch_related(own))
        assert events[1].obj.country.code == "FR"


def test_the_object_changes_with_the_key_of_the_row():
    first, second = Widget.objects.create(name="a"), Widget.objects.create(name="b")
    event = log(None, "X", obj=first)
    assert event.obj == first
    event.object_id = str(second.pk)
    assert event.obj == second
    event.obj = None
    assert (event.obj, event.object_id, event.content_type) == (None, None, None)


@pytest.mark.skipif(not hasattr(models, "FETCH_PEERS"), reason="needs Django 6.1")
def test_objects_follow_the_fetch_modes_of_django(django_assert_num_queries):
    for name in ("a", "b", "c"):
        log(None, "X", obj=Widget.objects.create(name=name))
    with django_assert_num_queries(2):
        events = list(Log.objects.fetch_mode(models.FETCH_PEERS))
        assert [event.obj.name for event in events] == ["c", "b", "a"]
    event = Log.objects.fetch_mode(models.FETCH_RAISE).first()
    with pytest.raises(exceptions.FieldFetchBlocked):
        event.obj  # noqa: B018


def test_a_generic_relation_joins_events_by_the_whole_key():
    for code in ("a", "b"):
        log(None, f"X_{code}", obj=Crate.objects.create(code=code))
    crate = Crate.objects.get(events__action="X_a")
    assert crate.code == "a"
    assert actions(crate.events.all()) == ["X_a"]
    assert actions(Log.objects.filter(crate__code="b")) == ["X_b"]
    crate.delete()
    assert actions(Log.objects.all()) == ["X_b"]


def test_the_object_of_a_missing_content_type_is_none():
    event = Log(action="X", content_type_id=10**6, object_id="7")
    assert event.obj is None


def test_the_object_of_a_swapped_model_is_none(monkeypatch):
    log(None, "X", obj=User.objects.create_user("anna"))
    event = Log.objects.get()
    monkeypatch.setitem(vars(User._meta), "swapped", "shop.Person")
    assert event.obj is None


# Case, accents and spaces

ALIKE = ["anna", "Anna", "ANNA", "ánna", "anna ", " anna", "аnna"]  # noqa: RUF001 (the last one is Cyrillic)


def test_keys_that_differ_only_in_case_accents_or_spaces_are_distinguished():
    kind = ContentType.objects.get_for_model(Country)
    for key in ALIKE:
        Log.objects.create(action="X", content_type=kind, object_id=key, object_repr=key)
    for key in ALIKE:
        (event,) = Log.objects.for_object(Country(code=key))
        assert event.object_id == key


@pytest.mark.parametrize("column", ["action", "user_repr", "object_id", "object_repr"])
def test_names_and_keys_are_compared_exactly(column):
    for name in ALIKE:
        Log.objects.create(**{"action": "X", column: name})
    for name in ALIKE:
        assert Log.objects.filter(**{column: name}).count() == 1
        assert Log.objects.filter(**{f"{column}__in": [name, "-"]}).count() == 1
    assert len(set(Log.objects.order_by().values_list(column, flat=True).distinct())) == len(ALIKE)


@pytest.mark.parametrize("column", ["action", "user_repr", "object_id", "object_repr"])
def test_case_insensitive_lookups_ignore_case(column):
    for name in ("anna", "ANNA", "hanna", "ben"):
        Log.objects.create(**{"action": "X", column: name})
    counts = [
        Log.objects.filter(**{f"{column}__{lookup}": name}).count()
        for lookup, name in [
            ("iexact", "Anna"),
            ("icontains", "Anna"),
            ("istartswith", "An"),
            ("iendswith", "NA"),
        ]
    ]
    assert counts == [2, 3, 2, 3]


def test_the_prefix_of_an_action_is_compared_exactly():
    for name in ("LOGIN", "LOGIN_X", "login_x", "Login", "LOGİN", "LOGIN\U0001f600", "LOG"):
        log(None, name)
    found = ["LOGIN", "LOGIN_X", "LOGIN\U0001f600"]
    assert actions(Log.objects.action("LOGIN*")) == found
    assert actions(Log.objects.not_action("LOGIN*", "LOG")) == ["LOGİN", "Login", "login_x"]
    assert actions(Log.objects.action("LOGIN_*")) == ["LOGIN_X"]
    assert actions(Log.objects.action("%*")) == []


def test_a_search_finds_actions_in_any_case_on_every_database(staff):
    for name in ("login", "LOGIN", "Login_x"):
        log(None, name)
    for query, wanted in [
        ("action:LOGIN", ["LOGIN", "login"]),
        ("action:log*", ["LOGIN", "Login_x", "login"]),
        ("login", ["LOGIN", "Login_x", "login"]),
    ]:
        found = staff.get("/ops/eventlog/log/", {"q": query}).context["cl"].result_list
        assert actions(found) == wanted


@pytest.mark.skipif(connection.vendor != "mysql", reason="only MySQL has character sets")
def test_the_columns_store_every_character_in_a_table_with_any_character_set():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT character_set_name, collation_name FROM information_schema.columns "
            "WHERE table_schema = DATABASE() AND table_name = 'eventlog_log' "
            "AND column_name IN ('action', 'user_repr', 'object_id', 'object_repr')"
        )
        assert cursor.fetchall() == (("utf8mb4", "utf8mb4_nopad_bin"),)
