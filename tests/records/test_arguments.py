"""The arguments of log() and their stored values, in the order of the table in docs/pinax.md."""

import enum
from datetime import UTC, date, datetime

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import AnonymousUser, Group, User
from django.http import HttpResponse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy, override, pgettext_lazy
from django.views.generic import View

from eventlog.mixins import EventLogMixin
from eventlog.models import Log, alog, log
from eventlog.records import Record

from ..shop.models import Country, Stay, Token, Widget

pytestmark = pytest.mark.django_db


def deleted(obj):
    obj.delete()
    return obj


# user


@pytest.mark.parametrize("user", [None, AnonymousUser(), SimpleLazyObject(AnonymousUser)])
def test_a_user_who_is_not_logged_in_is_none(user):
    log(user, "X")
    event = Log.objects.get()
    assert (event.user, event.user_repr) == (None, "")


@pytest.mark.parametrize("wrap", [lambda user: user, lambda user: SimpleLazyObject(lambda: user)])
def test_a_user_is_stored_by_key_and_name_even_if_lazy_or_inactive(wrap):
    user = User.objects.create_user("anna", is_active=False)
    log(wrap(user), "X")
    event = Log.objects.get()
    assert (event.user, event.user_repr) == (user, "anna")


@pytest.mark.parametrize(
    "make", [lambda: deleted(User.objects.create_user("anna")), lambda: User(username="anna")]
)
def test_a_deleted_or_unsaved_user_is_stored_by_name(make):
    log(make(), "X")
    event = Log.objects.get()
    assert (event.user, event.user_repr) == (None, "anna")


@pytest.mark.parametrize("user", [False, 7, "anna", User])
def test_other_values_are_refused_as_a_user(user):
    with pytest.raises(TypeError, match="user is"):
        log(user, "X")


# action


@pytest.mark.parametrize("language", ["de", "en", None])
def test_a_lazy_action_is_stored_untranslated(language):
    with override(language):
        assert log(None, gettext_lazy("Monday")).action == "Monday"
        assert log(None, pgettext_lazy("alt. month", "March")).action == "March"
        assert async_to_sync(alog)(None, gettext_lazy("Monday")).action == "Monday"
        assert str(gettext_lazy("Monday")) == ("Montag" if language == "de" else "Monday")
    assert {*Log.objects.values_list("action", flat=True)} == {"Monday", "March"}


class Action(str, enum.Enum):  # noqa: UP042 (str() is the name of the member)
    BOUGHT = "bought"


@pytest.mark.parametrize("value", ["bought", Action.BOUGHT, gettext_lazy("bought")])
def test_an_action_may_be_a_lazy_object(value):
    event = log(None, SimpleLazyObject(lambda: value))
    event.refresh_from_db()
    assert event.action == "bought"


def test_a_lazy_object_that_is_not_text_is_refused_as_an_action():
    with pytest.raises(TypeError, match=r"action is 5 \(int\); give a str"):
        log(None, SimpleLazyObject(lambda: 5))


def test_a_time_may_be_a_lazy_object():
    now = timezone.now()
    event = log(None, "X", dateof=SimpleLazyObject(lambda: now))
    event.refresh_from_db()
    assert event.timestamp == now


def test_the_key_of_a_user_may_be_a_lazy_object(anna):
    for key in (anna.pk, str(anna.pk)):
        user = User(pk=SimpleLazyObject(lambda key=key: key), username="anna")
        event = log(user, "X")
        event.refresh_from_db()
        assert event.user == anna


@pytest.mark.parametrize("action", ["", "  ", "\t\n", gettext_lazy(""), gettext_lazy(" ")])
def test_an_action_without_a_name_is_refused(action):
    with pytest.raises(ValueError, match="give a name"):
        log(None, action)


def test_a_lazy_action_has_at_most_255_characters():
    assert log(None, gettext_lazy("x" * 255)).action == "x" * 255
    with pytest.raises(ValueError, match="256 characters; at most 255"):
        log(None, gettext_lazy("x" * 256))


class Plain(enum.Enum):
    LOGIN = "login"


class Text(str, enum.Enum):  # noqa: UP042 (because str() of a StrEnum is its value)
    LOGIN = "login"


@pytest.mark.parametrize("action", [None, 7, 7.5, True, b"X", ["X"], Plain.LOGIN, str])
def test_an_action_that_is_not_text_is_refused(action):
    with pytest.raises(TypeError, match="action is"):
        log(None, action)


def test_an_action_that_is_a_text_enum_is_stored_as_its_value():
    assert log(None, Text.LOGIN).action == "login"


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("action", gettext_lazy("Monday"), "Monday"),
        ("action_kind", gettext_lazy("Monday"), "Monday_LAZY"),
        ("action_kind", "SEEN", "SEEN_LAZY"),
    ],
)
def test_a_view_may_have_a_lazy_action(rf, name, value, stored):
    class LazyView(EventLogMixin, View):
        def get(self, request):
            return HttpResponse("ok")

    with override("de"):
        LazyView.as_view(**{name: value})(rf.get("/"))
        type("LazyView", (LazyView,), {name: value}).as_view()(rf.get("/"))
    assert [event.action for event in Log.objects.all()] == [stored, stored]


def test_a_viewset_of_rest_framework_may_have_a_lazy_action(rf):
    class Things(EventLogMixin, View):
        action = gettext_lazy("Monday")
        action_map = {"get": "list"}

        def get(self, request):
            self.action = "list"  # like REST framework
            return HttpResponse("ok")

    with override("de"):
        Things.as_view()(rf.get("/"))
    assert Log.objects.get().action == "Monday"


# extra


@pytest.mark.parametrize(
    ("extra", "stored"),
    [
        (None, {}),
        ({}, {}),
        ([1], [1]),
        ("text", "text"),
        (0, 0),
        (False, False),
        ({1: 2}, {"1": 2}),
    ],
)
def test_an_extra_of_any_json_type_is_stored(extra, stored):
    log(None, "X", extra)
    assert Log.objects.get().extra == stored


@pytest.mark.parametrize("extra", [{"a": {1}}, {"a": b"x"}, {"a": User()}, {gettext_lazy("a"): 1}])
def test_an_extra_that_json_cannot_represent_is_refused_by_name(extra):
    with pytest.raises(TypeError, match="extra"):
        log(None, "X", extra)


# obj


def test_a_lazy_object_is_stored_like_the_object():
    group = Group.objects.create(name="staff")
    log(None, "X", obj=SimpleLazyObject(lambda: group))
    event = Log.objects.get()
    assert (event.obj, event.object_repr) == (group, "staff")


def stay():
    began = datetime(2026, 1, 2, tzinfo=UTC)
    return Stay.objects.create(country=Country.objects.create(code="FR"), began=began)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Widget.objects.create(name="w"), "w"),
        (lambda: Country.objects.create(code="FR"), "Country object (None)"),  # named by its key
        (stay, "Stay object ((None, None, None))"),
    ],
    ids=["integer", "text", "composite"],
)
def test_a_deleted_object_is_stored_by_model_and_name(make, name):
    obj = make()
    event = log(None, "GONE", obj=deleted(obj))
    stored = Log.objects.get()
    for each in (event, stored):
        assert (each.object_id, each.object_repr, each.obj) == (None, name, None)
        assert each.content_type.model_class() is type(obj)
    assert f"GONE {name}" in str(stored)
    assert list(Log.objects.for_object(obj)) == []


def test_the_record_of_a_deleted_object_survives_encoding():
    widget = deleted(Widget.objects.create(name="w"))
    record = Record.build(None, "GONE", obj=widget)
    assert Record.from_json(record.to_json()) == record
    assert (record.model, record.object_id, record.object_repr) == ("shop.widget", None, "w")


@pytest.mark.parametrize(
    "obj", [Widget(name="new"), Widget(pk=7), Country(code="new"), Token(), Stay()]
)
def test_an_unsaved_object_is_refused(obj):
    with pytest.raises(ValueError, match=r"not saved.*call log\(\) after save\(\)"):
        log(None, "X", obj=obj)


@pytest.mark.parametrize("obj", [Widget, "widget", 7, object()])
def test_an_object_that_is_not_a_model_instance_is_refused(obj):
    with pytest.raises(TypeError, match="obj is"):
        log(None, "X", obj=obj)


# dateof


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "2026-01-02T03:04:05Z",
        "2026-01-02 04:04:05+01:00",
    ],
)
def test_an_aware_datetime_may_be_text(moment):
    log(None, "X", dateof=moment)
    assert Log.objects.get().timestamp == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "moment", [datetime(2026, 1, 2), date(2026, 1, 2), "2026-01-02", "2026-01-02T00:00"]
)
def test_a_naive_datetime_or_a_date_is_in_the_time_zone_of_the_site_with_a_warning(moment):
    with pytest.warns(RuntimeWarning, match="naive datetime"):
        log(None, "X", dateof=moment)
    assert Log.objects.get().timestamp == datetime(2026, 1, 1, 23, tzinfo=UTC)  # in Berlin


@pytest.mark.parametrize("moment", ["yesterday", "", 0, 1767000000.0, "2026-02-30", [], object()])
def test_other_values_are_refused_as_a_date(moment):
    with pytest.raises(ValueError, match="dateof is"):
        log(None, "X", dateof=moment)
