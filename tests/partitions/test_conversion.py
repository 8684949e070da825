"""The conversion of the table of events, in databases of their own."""

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from eventlog.models import Log, log
from eventlog.partitions.catalog import find_table, read_partitions
from eventlog.partitions.conversion import Conversion

from .support import execute, in_month, names, postgresql_only, this_month, value


def convert(*args):
    call_command("eventlog_partition", "--apply", *args, verbosity=0)


def constraints():
    with connection.cursor() as cursor:
        return connection.introspection.get_constraints(cursor, "eventlog_log")


def test_the_rows_stay_in_their_file_and_ids_continue(database):
    user = User.objects.create(username="anna")
    last = log(user, "BEFORE", {"a": 1}, user)
    file = value("SELECT relfilenode FROM pg_class WHERE relname = 'eventlog_log'")
    convert()
    first = names()[0]
    assert value("SELECT relfilenode FROM pg_class WHERE relname = %s", first) == file
    assert log(user, "AFTER", obj=user).pk == last.pk + 1
    assert [event.action for event in Log.objects.for_object(user)] == ["AFTER", "BEFORE"]
    user.delete()
    assert not Log.objects.filter(user__isnull=False).exists()


def test_indexes_and_foreign_keys_keep_their_names(database):
    before = constraints()
    convert()
    after = constraints()
    assert after.keys() == before.keys()
    assert after.pop("eventlog_log_pkey")["columns"] == ["id", "timestamp"]
    before.pop("eventlog_log_pkey")
    assert after == before


def test_privileges_are_kept(database):
    execute("GRANT SELECT ON eventlog_log TO pg_monitor")
    convert()
    assert value("SELECT has_table_privilege('pg_monitor', 'eventlog_log', 'SELECT')")


def test_the_months_ahead_exist_and_there_is_no_default_partition(database):
    convert("--months-ahead=5")
    found = read_partitions(connection)
    assert not any(each.is_default for each in found)
    assert found[0].lower is None
    assert found[-1].upper == this_month(6)


def test_the_first_partition_can_have_a_lower_bound(database):
    in_month(-1).save()
    convert(f"--from={this_month(-1):%Y-%m}")
    assert read_partitions(connection)[0].lower == this_month(-1)


def test_events_before_the_lower_bound_are_reported(database):
    in_month(-2).save()
    with pytest.raises(CommandError, match="Give an earlier month, or prune"):
        convert(f"--from={this_month(-1):%Y-%m}")


def test_events_after_the_months_ahead_are_reported(database):
    in_month(30).save()
    with pytest.raises(CommandError, match="Change or delete the events from"):
        convert()


def test_an_event_of_a_coming_month_belongs_to_the_first_partition(database):
    in_month(1).save()
    convert("--months-ahead=3")
    assert read_partitions(connection)[0].upper == this_month(2)


def test_an_interrupted_conversion_continues(database):
    def steps():
        return [*Conversion(connection, find_table(connection)).steps()]

    all_steps = steps()
    for step in all_steps[:3]:
        step.run()
    assert len(steps()) == len(all_steps) - 3
    convert()
    assert len(names()) > 1


def test_a_conversion_that_gets_no_lock_rejects_no_event_afterwards(database):
    other = connection.copy()
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute("CREATE TABLE u (); LOCK TABLE auth_user IN ROW SHARE MODE")
        with pytest.raises(OperationalError):
            convert("--lock-timeout=1", "--attempts=1")
    other.close()
    assert not names_of_checks()
    convert()


def names_of_checks():
    return [name for name in constraints() if name.startswith("eventlog_times_")]


def test_a_conversion_can_be_cancelled(database):
    for step in [*Conversion(connection, find_table(connection)).steps()][:2]:
        step.run()
    assert names_of_checks()
    call_command("eventlog_partition", "--cancel", verbosity=0)
    assert not names_of_checks()


@pytest.mark.django_db
@postgresql_only
def test_the_plan_gives_reasons_and_locks_and_changes_nothing(capsys):
    call_command("eventlog_partition")
    plan = capsys.readouterr().out
    for text in ("primary key", "Foreign keys from other models", "Dropping a month locks"):
        assert text in plan
    assert plan.count("Reason: ") == plan.count("Locks: ") > 4
    assert "Nothing was changed" in plan
    assert find_table(connection).key is None


OBSTACLES = {
    "foreign key": "CREATE TABLE child (log_id bigint REFERENCES eventlog_log)",
    "view": "CREATE VIEW seen AS SELECT id FROM eventlog_log",
    "rule": "CREATE RULE nothing AS ON DELETE TO eventlog_log DO INSTEAD NOTHING",
    "policy": "CREATE POLICY own ON eventlog_log USING (true)",
    "publication": "CREATE PUBLICATION out FOR TABLE eventlog_log",
    "privilege": "GRANT SELECT (id) ON eventlog_log TO pg_monitor",
    "unique index": "CREATE UNIQUE INDEX own_uid ON eventlog_log (uid)",
    "trigger": "CREATE TRIGGER own BEFORE UPDATE ON eventlog_log "
    "FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "inherits": "CREATE TABLE heir () INHERITS (eventlog_log)",
}


@pytest.mark.django_db
@postgresql_only
@pytest.mark.parametrize("reason", OBSTACLES)
def test_what_a_conversion_would_break_prevents_it(reason):
    execute(OBSTACLES[reason])
    with pytest.raises(CommandError, match=reason):
        convert()


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor == "postgresql", reason="PostgreSQL has partitions")
def test_other_databases_are_refused():
    with pytest.raises(CommandError, match="Only PostgreSQL"):
        convert()


@pytest.mark.django_db
@postgresql_only
def test_another_partition_key_is_left_alone():
    execute(
        "DROP TABLE eventlog_log",
        "CREATE TABLE eventlog_log (id bigint, timestamp timestamptz) PARTITION BY HASH (id)",
    )
    with pytest.raises(CommandError, match="not by time"):
        convert()
