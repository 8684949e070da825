import enum
import pathlib
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import AnonymousUser, User
from django.db import DatabaseError, connection, transaction
from django.test import RequestFactory
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy

from eventlog.models import Log, alog, log
from eventlog.records import Record
from eventlog.records.redaction import MASK
from eventlog.review.links import user_term
from eventlog.review.search.tree import Term
from eventlog.signals import event_logged

from .shop.models import Grumpy, Widget

pytestmark = pytest.mark.django_db


class Color(enum.Enum):
    RED = "red"


def test_the_event_is_returned_and_stored(anna):
    event = log(user=anna, action="JUMPED", extra={"high": 3})
    stored = Log.objects.get()
    assert (stored.pk, stored.user, stored.action, stored.extra) == (
        event.pk,
        anna,
        "JUMPED",
        {"high": 3},
    )


def test_arguments_may_be_positional_as_in_pinax_eventlog(anna):
    moment = timezone.now() - timedelta(days=3)
    event = log(anna, "JUMPED", {"high": 3}, anna, moment)
    assert (event.obj, event.timestamp) == (anna, moment)


def test_extra_is_copied_at_the_call():
    extra = {"list": [1]}
    event = log(None, "X", extra)
    extra["list"].append(2)
    assert event.extra == Log.objects.get().extra == {"list": [1]}


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
        (date(2026, 1, 2), "2026-01-02"),
        (timedelta(hours=1), "P0DT01H00M00S"),
        (Decimal("1.50"), "1.50"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (gettext_lazy("Save"), "Save"),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (Color.RED, "red"),
        ((1, 2), [1, 2]),
        ({1: None}, {"1": None}),
        ("emoji \U0001f600 and \u00e9", "emoji \U0001f600 and \u00e9"),
        ("nul \x00", "nul \ufffd"),
        ("half \ud800 of a pair", "half \ufffd of a pair"),
    ],
)
def test_common_python_types_are_stored_as_json(value, stored):
    log(None, "X", {"value": value})
    assert Log.objects.get().extra == {"value": stored}


class Unjson:
    pass


def circular():
    value = {}
    value["self"] = value
    return value


def deep():
    value = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("extra", "error", "named"),
    [
        ({"tags": {1, 2}}, TypeError, "extra['tags']"),
        ({"blob": b"x"}, TypeError, "extra['blob']"),
        ({"ratio": float("nan")}, ValueError, "extra['ratio']"),
        ({"ratio": float("inf")}, ValueError, "extra['ratio']"),
        ({"a": [{"b": Unjson()}]}, TypeError, "extra['a'][0]['b']"),
        ({"widget": Widget(name="x")}, TypeError, "extra['widget']"),
        ({(1, 2): 3}, TypeError, "(1, 2)"),
        ({"many": 10**5000}, ValueError, "extra['many']"),
        (circular(), ValueError, "circular"),
        (deep(), ValueError, "too deeply"),
        (b"x", TypeError, "extra is b'x'"),
    ],
)
def test_an_extra_that_json_cannot_represent_is_refused_by_name(extra, error, named):
    with pytest.raises(error) as caught:
        log(None, "X", extra)
    assert named in str(caught.value)
    assert not Log.objects.exists()


def test_an_action_that_is_too_long_is_refused_with_both_lengths():
    with pytest.raises(ValueError, match=r"256 characters; at most 255"):
        log(None, "X" * 256)


def test_extra_has_at_most_30_levels():
    extra = 1
    for _ in range(30):
        extra = [extra]
    log(None, "X", extra)
    assert Log.objects.get().extra == extra
    with pytest.raises(ValueError, match="30 levels"):
        log(None, "X", [extra])


def test_an_action_of_255_characters_fits():
    assert log(None, "\u00e9" * 255).action == Log.objects.get().action


def test_with_use_tz_false_the_date_is_naive(settings):
    settings.USE_TZ = False
    log(None, "X", dateof=datetime(2026, 1, 2, 11, tzinfo=UTC))
    assert Log.objects.get().timestamp == datetime(2026, 1, 2, 12)


def test_the_names_survive_the_deletion_of_user_and_object(anna):
    widget = Widget.objects.create(name="sprocket")
    log(anna, "X", obj=widget)
    widget.delete()
    anna.delete()
    event = Log.objects.get()
    assert (event.user, event.obj) == (None, None)
    assert (event.user_repr, event.object_repr) == ("anna", "sprocket")


def test_an_object_whose_str_raises_an_error_is_stored_by_its_key():
    grumpy = Grumpy.objects.create()
    assert log(None, "X", obj=grumpy).object_repr == f"Grumpy object ({grumpy.pk})"


def test_an_instance_of_another_model_is_not_stored_as_the_user_with_the_same_key(anna):
    widget = Widget.objects.create(pk=anna.pk, name="robot")
    widget.is_authenticated = True
    event = log(widget, "X")
    assert (event.user_id, event.user_repr) == (None, "robot")


@pytest.mark.django_db(transaction=True)
def test_a_user_that_was_deleted_by_another_query_is_stored_by_name():
    anna = User.objects.create_user("anna")
    User.objects.filter(pk=anna.pk).delete()
    log(anna, "X")
    event = Log.objects.get()
    assert (event.user_id, event.user_repr) == (None, "anna")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("listening", [False, True])
def test_a_user_can_be_logged_in_the_transaction_that_deletes_the_user(listening):
    received = []

    def receiver(event, **kwargs):
        received.append((event.user_id, event.user_repr))

    if listening:
        event_logged.connect(receiver)
    anna = User.objects.create_user("anna")
    bert = User.objects.create_user("bert")
    with transaction.atomic():
        User.objects.filter(pk=anna.pk).delete()
        rows = [log(anna, "ACCOUNT_CLOSED"), log(bert, "WITNESSED")]
    event_logged.disconnect(receiver)
    assert [(row.user_id, row.user_repr) for row in rows] == [(None, "anna"), (bert.pk, "bert")]
    stored = list(Log.objects.order_by("id").values_list("user_id", "user_repr"))
    assert stored == [(None, "anna"), (bert.pk, "bert")]
    assert received == (stored if listening else [])


def test_a_username_may_be_null():
    nameless = User(pk=7, username=None)
    record = Record.build(nameless, "X")
    assert (record.user_id, record.user_repr) == (7, "User object (7)")
    assert user_term(Log(user=nameless)) == Term("user", "7")


def test_other_values_are_refused_as_a_request():
    with pytest.raises(TypeError, match="request is 'foo'"):
        log(None, "X", request="foo")


def test_a_date_before_year_1_is_refused():
    east = timezone.get_fixed_timezone(60)
    with pytest.raises(ValueError, match="dateof is"):
        log(None, "X", dateof=datetime(1, 1, 1, tzinfo=east))


class Service:
    """A caller without a row in any table, such as an API token."""

    is_authenticated = True
    pk = "billing"

    def __str__(self):
        return "billing"


def test_a_service_without_a_row_is_stored_by_name():
    event = log(Service(), "X")
    assert (event.user_id, event.user_repr) == (None, "billing")


def test_str_of_an_event_is_a_sentence(anna):
    widget = Widget.objects.create(name="sprocket")
    moment = datetime(2026, 1, 2, 11, tzinfo=UTC)
    event = log(anna, "CREATED", obj=widget, dateof=moment)
    assert str(event) == "anna CREATED sprocket, 2026-01-02 12:00"
    assert str(log(None, "SEEN", dateof=moment)) == "SEEN, 2026-01-02 12:00"
    assert str(log(AnonymousUser(), "SEEN", dateof=moment)).startswith("anonymous SEEN")


def test_a_right_to_left_name_does_not_turn_the_time_around():
    moment = datetime(2026, 1, 31, 9, 5, tzinfo=UTC)
    event = Log(action="VIEWED", object_repr="طلب 7", timestamp=moment)
    assert str(event) == "VIEWED \u2068طلب 7\u2069, \u20662026-01-31 10:05\u2069"


def test_str_of_a_row_from_pinax_eventlog_has_the_keys(anna):
    event = Log.objects.create(user=anna, action="A", object_id="7")
    assert str(event).startswith(f"user {anna.pk} A object 7")


def test_the_template_fragment_is_named_after_the_action():
    assert log(None, "FOO").template_fragment_name == "eventlog/foo.html"


def test_an_event_is_rolled_back_with_its_transaction():
    with pytest.raises(RuntimeError), transaction.atomic():
        log(None, "X")
        raise RuntimeError
    assert not Log.objects.exists()


@pytest.mark.parametrize("name", ["password", "API_KEY", "newPassword1", "csrfmiddlewaretoken"])
def test_secrets_in_extra_are_masked_at_any_depth(name):
    event = log(None, "X", {"form": [{name: "hunter2"}], "author": "anna"})
    assert event.extra == {"form": [{name: MASK}], "author": "anna"}


def test_facts_of_the_argument_request_are_added():
    request = RequestFactory().get("/here/", REMOTE_ADDR="192.0.2.7")
    extra = log(None, "X", {"method": "mine"}, request=request).extra
    assert (extra["ip"], extra["path"], extra["method"]) == ("192.0.2.7", "/here/", "mine")


def test_an_extra_that_is_a_list_is_stored_as_a_list():
    assert log(None, "X", [1, 2]).extra == [1, 2]


class TestAlog:
    def test_request_user_may_have_to_be_loaded(self, anna):
        event = async_to_sync(alog)(SimpleLazyObject(lambda: User.objects.get()), "X")
        assert (event.user, event.user_repr) == (anna, "anna")

    def test_the_event_is_returned_and_stored(self, anna):
        event = async_to_sync(alog)(anna, "X", {"a": 1}, anna)
        stored = Log.objects.get()
        assert (stored.pk, stored.user, stored.obj, stored.extra) == (
            event.pk,
            anna,
            anna,
            {"a": 1},
        )

    def test_a_wrong_argument_is_refused(self):
        with pytest.raises(ValueError, match="action"):
            async_to_sync(alog)(None, "")


@pytest.mark.django_db(transaction=True)
class TestMissingTable:
    @pytest.fixture(autouse=True)
    def _no_table(self):
        with connection.schema_editor() as editor:
            editor.execute("ALTER TABLE eventlog_log RENAME TO eventlog_away")
        yield
        with connection.schema_editor() as editor:
            editor.execute("ALTER TABLE eventlog_away RENAME TO eventlog_log")

    def test_log_reports_the_error_and_returns_none(self, caplog):
        assert log(None, "X") is None
        assert "log()" in caplog.text

    def test_alog_reports_the_error_and_returns_none(self, caplog):
        assert async_to_sync(alog)(None, "X") is None
        assert "alog()" in caplog.text

    def test_in_a_transaction_the_error_is_raised_because_the_transaction_is_broken(self):
        with pytest.raises(DatabaseError), transaction.atomic():
            log(None, "X")

    def test_a_request_is_answered(self, client, caplog):
        assert client.get("/ok/").content == b"ok"
        assert client.get("/ok/").content == b"ok"
        assert caplog.text.count("recording a request") == 1  # not once a request
        assert "Traceback" in caplog.text

    def test_a_request_does_not_break_a_surrounding_transaction(self, client):
        with transaction.atomic():
            client.get("/ok/")
            Widget.objects.create(name="after")
        assert Widget.objects.get().name == "after"
