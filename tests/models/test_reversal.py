from io import StringIO

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from eventlog.models import Log

pytestmark = pytest.mark.django_db(transaction=True)


def migrate(*names):
    out = StringIO()
    call_command("migrate", "eventlog", *names, stdout=out)
    return out.getvalue()


@pytest.fixture(autouse=True)
def _restored():
    yield
    migrate()
    Log.objects.all().delete()


def applied():
    executor = MigrationExecutor(connection)
    return {name for app, name in executor.loader.applied_migrations if app == "eventlog"}


def event(**fields):
    kind = ContentType.objects.get_for_model(ContentType)
    return Log.objects.create(**{"action": "X", "content_type": kind, **fields})


@pytest.mark.parametrize("target", ["zero", "0001", "0002"])
@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"object_id": "DE"}, "'DE'"),
        ({"object_id": ""}, "''"),
        ({"object_id": "-1"}, "'-1'"),
        ({"object_id": "007"}, "'007'"),
        ({"object_id": "2147483648"}, "'2147483648'"),
        ({"object_id": "99999999999999999999"}, "'99999999999999999999'"),
        ({"action": "A" * 51}, "more than 50 characters"),
    ],
)
def test_events_that_do_not_fit_the_old_columns_stop_the_reversal(target, fields, named):
    before, row = applied(), event(**fields)
    with pytest.raises(CommandError, match="1 event has") as raised:
        migrate(target)
    assert named in str(raised.value)
    assert applied() == before
    assert Log.objects.get() == row
    event(object_id="still writable")


def test_a_large_id_stops_only_the_reversal_to_the_first_migration():
    event(pk=2**31)
    with pytest.raises(CommandError, match="an id above 2147483647"):
        migrate("0001")
    migrate("0002")


def test_events_that_fit_survive_reversal_and_migration():
    event(object_id="2147483647", user_repr="anna")
    assert "1 event loses the names" in migrate("0002")
    with connection.cursor() as cursor:
        cursor.execute("SELECT object_id FROM eventlog_log")
        assert cursor.fetchone() == (2147483647,)
    migrate()
    assert Log.objects.get().object_id == "2147483647"


def test_an_empty_table_can_be_removed():
    migrate("zero")
    assert not applied()


def test_text_keys_do_not_stop_undoing_a_later_migration():
    event(object_id="DE")
    migrate("0003")
    migrate()


def test_migration_0003_refuses_without_the_command():
    event(object_id="DE")
    with pytest.raises(CommandError, match="'DE'"):
        MigrationExecutor(connection).migrate([("eventlog", "0002_alter_log_id")])
    assert Log.objects.values_list("object_id", flat=True).get() == "DE"
