"""``durability``: an event and the caller's transaction."""

import threading
from datetime import timedelta
from io import StringIO

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import F
from django.test import TestCase
from django.utils import timezone

from eventlog.backends import get_backend, locmem
from eventlog.backends.sql.pending_keys import fill_in_keys
from eventlog.models import CountedHour, Log, PendingKey, alog, log

from ..shop.models import Widget
from .support import actions, closing, in_thread, needs_server, postgresql_only

OPTIONS = {"database": None, "buffered": {}, "full": {"max_bytes": 1, "on_full": "inline"}}


@pytest.fixture(params=OPTIONS)
def kind(request, spooling):
    options = OPTIONS[request.param]
    if options is not None:
        spooling(**options)
    return request.param


@pytest.fixture(params=["transaction", "commit", "always"])
def durability(request, kind):
    writes_at_once = kind != "buffered" and request.param == "always"
    if writes_at_once and connection.vendor == "sqlite":
        pytest.skip("a database in memory is locked to one thread; see the test over a file")
    return request.param


@pytest.mark.django_db(transaction=True)
class TestDurability:
    def test_by_default_the_event_is_part_of_the_transaction(self):
        with transaction.atomic():
            log(None, "X")
            assert actions() == ["X"]

    def test_only_always_survives_a_rollback(self, durability):
        with pytest.raises(RuntimeError), transaction.atomic():
            User.objects.create_user("bert")
            log(None, "X", durability=durability)
            raise RuntimeError
        get_backend().flush()
        assert actions() == (["X"] if durability == "always" else [])

    def test_events_of_every_durability_are_written_after_a_commit(self, durability):
        with transaction.atomic():
            User.objects.create_user("bert")
            log(None, "X", durability=durability)
        get_backend().flush()
        assert actions() == ["X"]

    def test_an_unknown_durability_is_refused(self):
        with pytest.raises(ValueError, match="transaction, commit, always"):
            log(None, "X", durability="sometimes")
        with pytest.raises(ValueError, match="transaction, commit, always"):
            async_to_sync(alog)(None, "X", durability="sometimes")


SCRIPT = """
import threading
with transaction.atomic():
    Log.objects.filter(pk=0).delete()  # this transaction writes
    log(None, "ALWAYS", durability="always")
for thread in threading.enumerate():
    if thread.name == "eventlog-always":
        thread.join()
try:
    with transaction.atomic():
        log(None, "ROLLED_BACK")
        log(None, "ALWAYS_TOO", durability="always")
        raise RuntimeError
except RuntimeError:
    pass
for thread in threading.enumerate():
    if thread.name == "eventlog-always":
        thread.join()
"""


def test_always_on_a_sqlite_file_is_written_after_the_transaction(project):
    project.env["PROJECT_EVENTLOG"] = "{}"
    project.python(SCRIPT)
    assert project.actions() == ["ALWAYS", "ALWAYS_TOO"]


@pytest.fixture
def seen():
    """Return the name, the user and the content type that other transactions see in event X."""

    def find():
        try:
            event = Log.objects.get(action="X")
            return event.user_repr, event.user_id, event.content_type_id
        finally:
            connection.close()

    return lambda: in_thread(find)


def join_threads(timeout=None):
    """Wait for the threads that write events."""
    for thread in threading.enumerate():
        if thread.name == "eventlog-always":
            thread.join(timeout)


@needs_server
@pytest.mark.django_db(transaction=True)
class TestLocksOfTheCaller:
    """The event is seen before the caller's transaction ends, so it waits for no lock."""

    def test_a_user_who_was_saved(self, anna, seen):
        with transaction.atomic():
            anna.save()
            log(anna, "X", obj=anna, durability="always")
            assert seen()[0] == "anna"
        kind = ContentType.objects.get_for_model(User).pk
        assert seen() == ("anna", anna.pk, kind)

    def test_a_user_who_was_selected_for_update(self, anna, seen):
        with transaction.atomic():
            User.objects.select_for_update().get(pk=anna.pk)
            log(anna, "X", durability="always")
            assert seen()[0] == "anna"
        assert seen()[:2] == ("anna", anna.pk)

    def test_a_user_who_was_created(self, seen):
        with transaction.atomic():
            bert = User.objects.create_user("bert")
            log(bert, "X", durability="always")
            assert seen()[:2] == ("bert", None)
        assert seen()[:2] == ("bert", bert.pk)

    def test_a_content_type_that_was_created(self, anna, seen):
        ContentType.objects.all().delete()
        ContentType.objects.clear_cache()
        with transaction.atomic():
            kind = ContentType.objects.get_for_model(User)
            log(None, "X", obj=anna, durability="always")
            assert seen()[2] is None
        assert seen()[2] == kind.pk

    def test_a_created_user_who_is_rolled_back_leaves_the_name(self, seen):
        with pytest.raises(RuntimeError), transaction.atomic():
            log(User.objects.create_user("bert"), "X", durability="always")
            raise RuntimeError
        assert seen()[:2] == ("bert", None)

    def test_a_saved_user_whose_transaction_is_rolled_back_is_filled_in_later(
        self, anna, seen, spooling
    ):
        with pytest.raises(RuntimeError), transaction.atomic():
            anna.save()
            log(anna, "X", durability="always")
            raise RuntimeError
        spooling().flush()
        assert seen()[:2] == ("anna", anna.pk)

    def test_a_user_who_was_deleted(self, anna, seen):
        with transaction.atomic():
            User.objects.filter(pk=anna.pk).delete()
            log(anna, "X", durability="always")
            assert seen()[:2] == ("anna", None)
        assert seen()[:2] == ("anna", None)


@postgresql_only
@pytest.mark.django_db(transaction=True)
class TestLocksOnTables:
    """PostgreSQL locks the table of users also to check a foreign key that is NULL."""

    @pytest.mark.parametrize("table", ["auth_user", "django_content_type", "eventlog_log"])
    def test_the_event_is_written_when_the_transaction_ends(self, table, anna, seen):
        with transaction.atomic(), connection.cursor() as cursor:
            # Ends the transaction with an error if the caller waits for its own lock.
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '2s'")
            cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            log(anna, "X", durability="always")
            cursor.execute("SELECT 1")
        join_threads()
        assert seen()[0] == "anna"
        fill_in_keys("default")
        assert seen()[:2] == ("anna", anna.pk)

    def test_an_event_survives_a_lock_timeout_of_the_site(self):
        name = connection.ops.quote_name(connection.settings_dict["NAME"])
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {name} SET lock_timeout = '50ms'")
            try:
                with transaction.atomic():
                    cursor.execute("LOCK TABLE eventlog_log IN SHARE MODE")
                    log(None, "X", durability="always")
                    join_threads(timeout=0.3)  # longer than the lock timeouts
                join_threads()
            finally:
                cursor.execute(f"ALTER DATABASE {name} RESET lock_timeout")
        assert actions() == ["X"]


@pytest.fixture
def widget():
    """An object whose content type is in the cache."""
    widget = Widget.objects.create(name="w")
    ContentType.objects.get_for_model(Widget)
    yield widget
    ContentType.objects.clear_cache()


def kinds():
    return ContentType.objects.filter(app_label="shop", model="widget")


LOCKS_ON_CONTENT_TYPES = {
    "select_for_update": lambda: list(kinds().select_for_update()),
    "update": lambda: kinds().update(model=F("model")),
    "delete": lambda: kinds().delete(),
}


@needs_server
@pytest.mark.django_db(transaction=True)
class TestLocksOnTheContentType:
    @pytest.fixture(autouse=True, params=LOCKS_ON_CONTENT_TYPES)
    def lock(self, request):
        self.deletes = request.param == "delete"
        return LOCKS_ON_CONTENT_TYPES[request.param]

    def test_the_event_is_written_and_the_key_is_filled_in_after_the_commit(
        self, lock, anna, widget, seen
    ):
        with transaction.atomic():
            lock()
            log(anna, "X", obj=widget, durability="always")
            assert seen()[0] == "anna"
        kind = kinds().values_list("pk", flat=True).first()
        assert seen() == ("anna", anna.pk, kind)
        assert (kind is None) == self.deletes
        assert Log.objects.get().object_id == str(widget.pk)

    def test_the_key_is_filled_in_after_a_rollback(self, lock, anna, widget, seen):
        with pytest.raises(RuntimeError), transaction.atomic():
            lock()
            log(anna, "X", obj=widget, durability="always")
            raise RuntimeError
        fill_in_keys("default")
        assert seen() == ("anna", anna.pk, kinds().get().pk)


@pytest.mark.django_db(transaction=True)
def test_a_deleted_content_type_in_the_cache_is_not_filled_in(anna, widget):
    pk = log(None, "X").pk
    PendingKey.objects.create(event_id=pk, user_id=str(anna.pk), model="shop.widget")
    kinds().delete()
    assert fill_in_keys("default") == 0
    event = Log.objects.get()
    assert (event.user, event.content_type_id) == (anna, None)


@needs_server
@pytest.mark.django_db(transaction=True)
class TestLocksOnTheHour:
    old = timezone.now() - timedelta(hours=5)

    @pytest.fixture(autouse=True)
    def counted(self):
        log(None, "OLD", dateof=self.old)
        call_command("eventlog_count", stdout=StringIO())
        assert not self.is_stale()

    def is_stale(self):
        return CountedHour.objects.filter(stale=True).exists()

    def test_the_hour_is_counted_again_after_the_commit(self, anna, seen):
        with transaction.atomic():
            CountedHour.objects.update(stale=False)
            log(anna, "X", dateof=self.old, durability="always")
            assert seen()[0] == "anna"
        assert self.is_stale()
        assert seen()[:2] == ("anna", anna.pk)
        assert not PendingKey.objects.exists()

    def test_the_hour_is_counted_again_after_a_rollback(self, seen):
        with pytest.raises(RuntimeError), transaction.atomic():
            log(None, "ROLLED_BACK", dateof=self.old)
            log(None, "X", dateof=self.old, durability="always")
            raise RuntimeError
        assert not self.is_stale()
        fill_in_keys("default")
        assert self.is_stale()
        assert not PendingKey.objects.exists()

    def test_an_hour_without_locks_is_marked_at_once(self):
        with transaction.atomic():
            log(None, "X", dateof=self.old, durability="always")
            assert in_thread(closing(self.is_stale))


@needs_server
@pytest.mark.django_db(transaction=True)
def test_the_locks_of_another_transaction_do_not_delay_the_caller(anna):
    """``fill_in_keys()`` runs after the caller's commit."""
    log(None, "X")
    PendingKey.objects.create(event_id=Log.objects.get().pk, user_id=str(anna.pk))

    def fill_in_or_fail():
        is_postgresql = connection.vendor == "postgresql"
        setting = "lock_timeout = '2s'" if is_postgresql else "innodb_lock_wait_timeout = 2"
        with connection.cursor() as cursor:
            cursor.execute(f"SET {setting}")
        return fill_in_keys("default")

    with transaction.atomic():
        User.objects.select_for_update().get(pk=anna.pk)
        assert in_thread(closing(fill_in_or_fail)) == 0
    assert fill_in_keys("default") == 1


@needs_server
@pytest.mark.django_db(transaction=True)
def test_eventlog_count_fills_in_keys_after_a_rollback(anna, seen):
    with pytest.raises(RuntimeError), transaction.atomic():
        anna.save()
        log(anna, "X", durability="always")
        raise RuntimeError
    call_command("eventlog_count", stdout=StringIO())
    assert seen()[:2] == ("anna", anna.pk)


class TestInATestCase(TestCase):
    """Django's ``TestCase`` rolls each test back."""

    def setUp(self):
        self.anna = User.objects.create_user("anna")

    def test_1_the_event_can_be_seen_after_the_inner_block(self):
        with transaction.atomic():
            self.anna.save()
            log(self.anna, "X", obj=self.anna, durability="always")
        event = Log.objects.get()
        assert (event.user, event.obj) == (self.anna, self.anna)

    def test_2_no_event_of_another_test_is_left(self):
        assert not Log.objects.exists()

    def test_3_the_event_stays_when_the_inner_block_is_rolled_back(self):
        with pytest.raises(RuntimeError), transaction.atomic():
            log(User.objects.create_user("bert"), "X", durability="always")
            raise RuntimeError
        event = Log.objects.get()
        assert (event.user_repr, event.user_id) == ("bert", None)

    def test_4_blocks_may_be_nested(self):
        with transaction.atomic():
            with transaction.atomic():
                log(self.anna, "X", durability="always")
            with pytest.raises(RuntimeError), transaction.atomic():
                log(self.anna, "Y", durability="always")
                raise RuntimeError
        assert sorted(actions()) == ["X", "Y"]

    def test_5_the_outbox_is_filled(self):
        ContentType.objects.all().delete()
        ContentType.objects.clear_cache()
        self.addCleanup(ContentType.objects.clear_cache)  # what the test creates is rolled back
        with self.settings(EVENTLOG={"BACKEND": "eventlog.backends.locmem.LocMemBackend"}):
            with transaction.atomic():
                log(self.anna, "X", obj=self.anna, durability="always")
            assert [event.action for event in locmem.outbox] == ["X"]
            log(self.anna, "Y", durability="always")
            assert [event.action for event in locmem.outbox] == ["X", "Y"]

    def test_6_without_an_inner_block_the_event_is_written_at_once(self):
        log(self.anna, "X", durability="always")
        assert actions() == ["X"]
