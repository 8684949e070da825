"""The assertions and captures that eventlog offers to the tests of a site."""

import asyncio
import re
import unittest
from datetime import date
from decimal import Decimal
from threading import Thread

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.test import SimpleTestCase, TestCase, TransactionTestCase

from eventlog.changes import diff
from eventlog.contrib.model_changes import track, untrack
from eventlog.models import Log, alog, log
from eventlog.signals import event_logged
from eventlog.testing import EventLogAssertions, assert_logged, assert_not_logged, capture_events

from .shop.models import Token, Widget
from .stock.models import Item
from .test_docs import ROOT
from .test_docs_examples import blocks, containing

TESTING = (ROOT / "docs" / "testing.md").read_text()


@pytest.fixture
def widget(db):
    return Widget.objects.create(name="Foo")


def actions(events):
    return [event.action for event in events]


def test_an_event_is_collected_as_a_log_object(anna, widget):
    with capture_events() as events:
        returned = log(anna, "PAID", {"total": Decimal("12.50")}, obj=widget)
    (event,) = events
    assert event == returned
    assert (event.user, event.user_name, event.obj) == (anna, "anna", widget)
    assert event.extra == {"total": "12.50"}
    assert not event.is_request


def test_captured_events_are_not_stored_or_announced(db):
    heard = []

    def receiver(**kwargs):
        heard.append(kwargs)

    event_logged.connect(receiver)
    with capture_events():
        log(None, "X")
    event_logged.disconnect(receiver)
    assert (heard, Log.objects.count()) == ([], 0)


def test_captured_events_are_stored_if_the_test_asks_for_it(db, client):
    with capture_events(write=True) as events:
        log(None, "X")
        client.get("/ok/")
    assert actions(events) == actions(Log.objects.order_by("id")) == ["X", "GET_OK"]


def test_requests_are_collected(db, client):
    with capture_events() as events:
        client.get("/ok/")
    event = events.assert_logged("GET_OK", is_request=True, status=200)
    assert event.extra["path"] == "/ok/"
    assert Log.objects.count() == 0


@pytest.mark.django_db
def test_async_requests_and_events_are_collected(async_client):
    @async_to_sync
    async def visit():
        await async_client.get("/aok/")
        await alog(None, "X")

    with capture_events() as events:
        visit()
    assert actions(events) == ["GET_AOK", "X"]


def test_async_events_outside_async_to_sync_are_collected_with_their_object(widget):
    ContentType.objects.get_for_model(Widget)  # the content type is known, as on a running site
    with capture_events() as events:
        asyncio.run(alog(None, "X", obj=widget))
    events.assert_logged("X", obj=widget)


def test_events_of_threads_are_collected():
    with capture_events() as events:
        thread = Thread(target=log, args=(None, "X"))
        thread.start()
        thread.join()
    assert actions(events) == ["X"]


def test_nested_captures_both_collect():
    with capture_events() as outer:
        log(None, "A")
        with capture_events() as inner:
            log(None, "B")
        log(None, "C")
    assert (actions(outer), actions(inner)) == (["A", "B", "C"], ["B"])


def test_nothing_is_collected_after_the_block(db):
    with capture_events() as events:
        pass
    log(None, "X")
    assert events == []
    assert Log.objects.get().action == "X"


def test_a_capture_ends_with_an_exception(db):
    with pytest.raises(LookupError), capture_events():
        raise LookupError
    log(None, "X")
    assert Log.objects.get().action == "X"


@capture_events()
def test_a_decorated_function_uses_the_plain_assertions():
    log(None, "X")
    assert_logged("X")
    assert_not_logged("Y")


def test_each_call_of_a_decorated_function_begins_without_events():
    @capture_events()
    def visit():
        log(None, "X")
        assert_logged("X", count=1)

    visit()
    visit()


def test_a_decorated_coroutine_function_is_awaited_within_the_capture():
    @capture_events()
    async def visit():
        await alog(None, "X")
        return assert_logged("X")

    assert async_to_sync(visit)().action == "X"


def test_a_class_is_not_decorated():
    with pytest.raises(TypeError, match="EventLogAssertions"):
        capture_events()(SimpleTestCase)


def test_an_assertion_without_a_capture_says_what_to_do():
    with pytest.raises(RuntimeError, match=r"with capture_events\(\)"):
        assert_logged("X")


@pytest.mark.parametrize("backend", ["database.DatabaseBackend", "buffered.BufferedBackend"])
class TestTransactions:
    """An event counts if it would be stored, whatever the backend and the kind of the test."""

    @pytest.fixture(autouse=True)
    def _backend(self, backend, settings):
        settings.EVENTLOG = {"BACKEND": f"eventlog.backends.{backend}"}

    def committed_and_rolled_back(self):
        with capture_events() as events:
            with transaction.atomic():
                log(None, "COMMITTED")
                log(None, "COMMITTED", durability="commit")
                with pytest.raises(LookupError), transaction.atomic():
                    log(None, "LOST")
                    log(None, "LOST", durability="commit")
                    log(None, "KEPT", durability="always")
                    raise LookupError
                assert actions(events) == ["COMMITTED", "COMMITTED", "KEPT"]
            with pytest.raises(LookupError), transaction.atomic():
                log(None, "LOST")
                raise LookupError
        assert actions(events) == ["COMMITTED", "COMMITTED", "KEPT"]

    @pytest.mark.django_db
    def test_events_of_a_rolled_back_block_are_left_out(self):
        self.committed_and_rolled_back()

    @pytest.mark.django_db(transaction=True)
    def test_events_of_a_rolled_back_transaction_are_left_out(self):
        self.committed_and_rolled_back()

    @pytest.mark.django_db
    def test_an_event_outside_a_block_registers_no_hook(self):
        with TestCase.captureOnCommitCallbacks(execute=True) as callbacks, capture_events():
            log(None, "X", durability="commit")
        assert callbacks == []


class TestAssertions(EventLogAssertions, TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.bob = User.objects.create_user("bob")
        log(cls.bob, "EARLIER")

    def setUp(self):
        log(self.bob, "SET_UP")

    def test_events_of_set_up_and_test_are_collected_despite_transactions(self):
        with transaction.atomic():
            log(None, "X", durability="commit")
        assert self.assertLogged("X") in self.logged_events
        self.assertLogged("SET_UP", user=self.bob)
        self.assertNotLogged("EARLIER")

    async def test_async_tests_collect_too(self):
        await alog(self.bob, "X")
        self.assertLogged("X", user=self.bob)

    def test_the_assertions_prefer_the_innermost_capture(self):
        with capture_events():
            self.assertNotLogged()
        self.assertLogged("SET_UP")

    def test_cleared_events_are_forgotten(self):
        self.logged_events.clear()
        self.assertNotLogged()


class TestWithoutDatabase(EventLogAssertions, SimpleTestCase):
    def test_no_database_is_needed(self):
        log(None, "X")
        self.client.get("/no/such/page/")
        self.assertLogged(is_request=True, status=404)


class TestStored(EventLogAssertions, TransactionTestCase):
    write_events = True

    def test_a_test_case_may_store_its_events(self):
        log(None, "X")
        self.assertLogged("X")
        assert Log.objects.get().action == "X"


def test_the_mixin_works_with_plain_unittest():
    class Example(EventLogAssertions, unittest.TestCase):
        def test_event(self):
            log(None, "X")
            self.assertLogged("Y")

    result = Example("test_event").run()
    (_, trace), *others = result.failures
    assert others == []
    assert "Expected an event Y" in trace
    assert "eventlog/testing" not in trace  # the traceback ends in the test


def test_the_mixin_behind_the_test_case_is_reported():
    class Example(unittest.TestCase, EventLogAssertions):
        def test_event(self):
            self.assertLogged()

    ((_, trace),) = Example("test_event").run().errors
    assert "list EventLogAssertions before TestCase" in trace


@pytest.fixture
def events(anna, widget):
    """The capture of one event: anna paid for the widget."""
    with capture_events() as events:
        log(anna, "PAID", {"total": 12, "items": [{"sku": "a", "n": 1}], "on": None}, obj=widget)
    return events


def test_each_kind_of_value_can_be_expected(events, anna, widget):
    events.assert_logged()
    events.assert_logged("P*D", count=1)
    events.assert_logged("PAID", user=anna, obj=widget)
    events.assert_logged(user="anna", obj=Widget)
    events.assert_logged(extra={"total": 12, "items": [{"sku": "a", "n": 1}], "on": None})
    events.assert_logged(extra__contains={"items": [{"sku": "a"}]})
    events.assert_logged(extra__contains={"on": None})
    events.assert_logged(is_request=False, ip=None, object_repr="Foo")


def test_a_count_of_zero_names_the_assertion_for_no_event(events):
    with pytest.raises(ValueError, match=r"count is 0\. Use assert_not_logged"):
        events.assert_logged("PAID", count=0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "PAI"},
        {"action": "PAI?"},
        {"action": "X*"},
        {"user": None},
        {"user": AnonymousUser()},
        {"user": "bob"},
        {"user": User(pk=0)},
        {"obj": None},
        {"obj": Token},
        {"extra": {"total": 12}},
        {"extra__contains": {"total": 13}},
        {"extra__contains": {"items": [{"sku": "b"}]}},
        {"extra__contains": {"off": None}},
        {"extra__contains": [12]},
        {"is_request": True},
    ],
)
def test_an_event_without_an_expected_value_does_not_count(events, wrong):
    events.assert_not_logged(**wrong)
    with pytest.raises(AssertionError):
        events.assert_logged(**wrong)


def test_an_event_without_user_and_object_can_be_expected():
    with capture_events() as events:
        log(AnonymousUser(), "X")
    events.assert_logged(user=None, obj=None)
    events.assert_logged(user=AnonymousUser())


def test_expected_values_are_compared_as_they_are_stored():
    paid = {"total": Decimal("12.50"), "on": date(2026, 1, 31)}
    with capture_events() as events:
        log(None, "PAID", paid)
    events.assert_logged(extra=paid)
    events.assert_logged(extra__contains={"on": date(2026, 1, 31)})
    events.assert_logged(extra={"total": "12.50", "on": "2026-01-31"})


def test_extra_is_compared_without_the_facts_of_the_request(rf):
    with capture_events() as events:
        log(None, "X", {"colour": "red"}, request=rf.get("/shop/"))
    events.assert_logged(extra={"colour": "red"})
    events.assert_logged(extra__contains={"colour": "red", "path": "/shop/"})


def test_an_object_without_integer_key_and_a_deleted_object_can_be_expected(db):
    token, deleted = Token.objects.create(), Widget.objects.create(name="Foo")
    deleted.delete()
    with capture_events() as events:
        log(None, "MADE", obj=token)
        log(None, "DELETED", obj=deleted)
    assert events.assert_logged(obj=token).action == "MADE"
    assert events.assert_logged(obj=deleted).action == "DELETED"


def test_an_unknown_condition_is_reported_with_the_known_ones(events):
    with pytest.raises(TypeError, match=r"'usr'. Use one of: user, obj, .*is_request") as caught:
        events.assert_logged("PAID", usr=None)
    assert not re.search(r"own_keys|uid|content_type", str(caught.value))


def failure(call):
    with pytest.raises(AssertionError) as caught:
        call()
    return str(caught.value)


def test_the_message_shows_the_nearest_event_first_and_what_differs(anna, widget):
    with capture_events() as events:
        log(None, "SIGNED_UP")
        log(None, "ORDER_PAID", {"shop": 1, "total": 7}, obj=widget)
        log(anna, "ORDER_PLACED")
    message = failure(
        lambda: events.assert_logged("ORDER_PAID", user=anna, extra__contains={"total": 8})
    )
    heading, _, header, *rows = message.partition("\n\nThe first event")[0].splitlines()
    assert heading == (
        "Expected an event ORDER_PAID with user=anna, extra__contains={'total': 8}, but none was "
        "logged. These events were logged, the nearest first:"
    )
    assert header.split() == ["action", "user", "object", "extra", "differs", "in"]
    assert [row.split()[0] for row in rows] == ["ORDER_PAID", "ORDER_PLACED", "SIGNED_UP"]
    assert f"shop.widget {widget.pk} (Foo)" in rows[0]
    assert '{"total":7,"shop":1}' in rows[0]  # the expected key comes first
    assert rows[0].endswith("  user, extra.total")
    assert rows[1].endswith("  action, extra.total")


@pytest.fixture
def invoiced():
    """The capture of an event with many long values, of which each is an invoice's."""
    with capture_events() as events:
        changes = {"text": ["", "word " * 100], "invoice": [None, 7], "note": ["", "x" * 300 + "1"]}
        log(None, "INVOICED", {"lines": {"a": 1, "b": None}, "city": "Rome"}, changes=changes)
    return events


@pytest.mark.parametrize(
    ("wanted", "place", "detail"),
    [
        ({"changes__contains": {"invoice": [None, 8]}}, "changes.invoice", "[null,7]"),
        ({"changes__contains": {"total": [1, 2]}}, "changes.total", "logged no value"),
        ({"extra__contains": {"changes": {"invoice": [8]}}}, "extra.changes.invoice", "[null,7]"),
        ({"extra__contains": {"lines": {"a": 2}}}, "extra.lines.a", "expected 2, logged 1"),
        ({"extra__contains": {"lines": {"c": None}}}, "extra.lines.c", "expected null, logged no"),
        ({"extra__contains": {"city": ["Rome"]}}, "extra.city", 'expected ["Rome"], logged "Rome"'),
        ({"changes__contains": {"note": ["", "x" * 300 + "2"]}}, "changes.note", 'xx2"], logged'),
    ],
)
def test_the_message_says_which_value_differs(invoiced, wanted, place, detail):
    message = failure(lambda: invoiced.assert_logged("INVOICED", **wanted))
    table, _, details = message.partition("The first event differs in:")
    assert table.rstrip().endswith(f"  {place}")
    assert f"    {place}: expected " in details
    assert detail in details
    assert max(map(len, message.splitlines()[1:])) < 300


def test_the_message_names_the_keys_that_a_whole_value_lacks_or_has_in_addition(events):
    message = failure(lambda: events.assert_logged("PAID", extra={"total": 12, "tax": 1}))
    assert "  extra.tax, extra.items, extra.on\n" in message
    assert 'extra.items: expected no value, logged [{"n":1,"sku":"a"}]' in message.replace(
        '"sku":"a","n":1', '"n":1,"sku":"a"'
    )


def test_the_message_names_a_few_of_many_values():
    with capture_events() as events:
        log(None, "X", {str(number): number for number in range(20)})
    message = failure(lambda: events.assert_logged("X", extra={}))
    assert "  extra.0, extra.1, extra.2, extra.3, extra.4, …\n" in message
    assert message.count("expected no value") == 5


def test_changes_are_expected_in_whole_or_in_part(db):
    before, after = Item(name="Lamp", price=9, stock=3), Item(name="Lamp", price=12, stock=4)
    with capture_events() as events:
        log(None, "CHANGED", {"colour": "red"}, changes=diff(before, after))
    events.assert_logged(changes={"price": ["9.00", Decimal("12.00")], "stock": [3, 4]})
    events.assert_logged(changes__contains={"stock": (3, 4)})
    events.assert_not_logged(changes={"stock": [3, 4]})
    events.assert_not_logged(changes={})
    events.assert_not_logged(changes__contains={"stock": [4, 3]})
    events.assert_not_logged(changes__contains={"stock": [3, 4], "name": [None, None]})


def test_an_event_without_changes_can_be_expected(events):
    events.assert_logged(changes={})


def test_expected_changes_of_another_form_are_reported(events):
    with pytest.raises(TypeError, match="old, new"):
        events.assert_logged(changes={"total": 9})


def test_a_failure_about_a_deleted_object_names_the_condition_for_its_key(db):
    token = Token.objects.create()  # whose name contains its key
    with capture_events() as events:
        log(None, "DELETED", obj=token)
    key = str(token.pk)
    token.delete()
    message = failure(lambda: events.assert_logged("DELETED", obj=token))
    assert "Token object (None)" in message
    assert "object_id=str(key)" in message
    assert events.assert_logged("DELETED", object_id=key)
    assert "object_id" not in failure(lambda: events.assert_not_logged(obj=Token))


def test_an_object_that_was_deleted_after_its_event_is_found_by_its_name(widget, anna):
    with capture_events() as events:
        log(anna, "DELETED", obj=widget)
    widget.delete()
    anna.delete()
    assert events.assert_logged(obj=widget, user=anna).action == "DELETED"
    widget.name = "Bar"
    assert "obj=Bar (deleted, so found by its name)" in failure(
        lambda: events.assert_logged(obj=widget)
    )
    events.assert_not_logged(user=User(pk=None, username="bob"))


def test_the_message_names_an_event_that_was_rolled_back(db):
    with capture_events() as events, pytest.raises(LookupError), transaction.atomic():
        log(None, "X")
        raise LookupError
    assert failure(lambda: events.assert_logged("X")).rstrip().endswith("  rolled back")


def test_the_message_says_that_nothing_was_logged():
    with capture_events() as events:
        pass
    assert failure(lambda: events.assert_logged("X")) == (
        "Expected an event X, but none was logged. No event was logged at all."
    )


def test_the_message_has_the_numbers_of_events(events):
    assert "Expected 2 events PAID, but 1 was" in failure(
        lambda: events.assert_logged("PAID", count=2)
    )
    assert "Expected no event *, but 1 was" in failure(events.assert_not_logged)


def test_a_long_message_is_shortened():
    with capture_events() as events:
        for number in range(50):
            log(None, "X", {"text": "word " * 100, "number": number})
    message = failure(lambda: events.assert_logged("Y"))
    assert message.count("\n    X") == 20
    assert "… and 30 more" in message
    assert max(map(len, message.splitlines())) < 140


def test_the_documented_failures_are_the_actual_ones(db):
    zora = User.objects.create_user("zora")
    with capture_events() as events:
        log(zora, "ORDER_PLACED")
        log(None, "RENAMED", changes={"name": ["Foo", "Bar"]})
    expected, detail = blocks(TESTING, "text")
    renamed = events.entries.pop()
    assert failure(lambda: events.assert_logged("ORDER_PAID", user=zora)) == expected
    events.entries.append(renamed)
    assert detail in failure(
        lambda: events.assert_logged("RENAMED", changes={"name": ["Foo", "Baz"]})
    )


def test_the_documented_test_of_a_tracked_model_passes(widget):
    names = {}
    exec(containing(TESTING, "test_a_renamed_widget"), names)
    track(Widget)
    names["test_a_renamed_widget_is_recorded"](widget)
    untrack(Widget)


def test_the_documented_settings_keep_the_other_keys():
    names = {}
    exec(containing(TESTING, "from .settings import *"), names)
    assert names["EVENTLOG"] == {"MODEL_CHANGES": {"shop.order": {}}, "ENABLED": False}
