"""Runs of the import: where they begin, what they leave, and what they report."""

import re
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from request.models import Request

from eventlog.contrib.importers.event import Origin, uid_of
from eventlog.contrib.importers.importing import AlreadyMovedError, TableImport
from eventlog.contrib.importers.models import ImportedTable
from eventlog.contrib.importers.sources.django_request import Requests
from eventlog.contrib.importers.table import ConversionContext
from eventlog.models import Log, log
from eventlog.models.hourly import HourCount
from eventlog.signals import event_logged

from .running import events, imported, run

pytestmark = pytest.mark.django_db
START = datetime(2024, 5, 1, 12, tzinfo=UTC)


def add(count, **values):
    """Create requests, one in each minute."""
    known = Request.objects.count()
    return Request.objects.bulk_create(
        Request(
            **{"path": f"/orders/{n}/", "ip": "203.0.113.7", "time": START + timedelta(minutes=n)}
            | values
        )
        for n in range(known, known + count)
    )


def paths():
    return [event.extra["path"] for event in events()]


def expected(count):
    return [f"/orders/{number}/" for number in range(count)]


def begun(batch=2):
    """Return an import, and its pages."""
    table = Requests()
    found = TableImport(table, ConversionContext(table.using), "default", batch)
    found.begin(None)
    return found, found.run(found.choose(None, final=True), lambda: None)


def test_a_run_that_was_interrupted_continues_after_the_last_page():
    add(5)
    _, pages = begun()
    next(pages)
    assert paths() == expected(2)
    assert "3 rows became 3 events" in run("request", "--final")
    assert paths() == expected(5)
    assert len({event.uid for event in events()}) == 5


def test_a_further_run_imports_only_new_rows():
    add(2)
    imported("request")
    add(1)
    assert "1 row became 1 event" in run("request", "--final")
    assert "All runs: 3 rows and 3 events." in run("request", "--final")
    assert paths() == expected(3)


def test_of_two_runs_at_the_same_time_one_fails_and_no_row_is_imported_twice():
    add(4)
    (_, first), (_, second) = begun(), begun()
    next(first)
    with pytest.raises(AlreadyMovedError):
        next(second)
    next(first)
    assert paths() == expected(4)


def test_rows_of_the_last_minute_wait_because_older_ones_may_still_be_committed():
    add(2)
    add(1, time=timezone.now())
    assert "1 row of the last minute left for the next run" in run("request")
    assert paths() == expected(2)
    assert paths() == [event.extra["path"] for event in imported("request")][:2]
    assert len(paths()) == 3


def test_a_row_with_a_time_in_the_future_holds_up_no_other_row():
    add(1, time=timezone.now() + timedelta(days=1))
    add(1)
    run("request")
    assert paths() == expected(2)


def test_a_dry_run_counts_and_writes_nothing():
    add(3)
    output = run("request", "--final", "--dry-run")
    assert "3 rows would become 3 events" in output
    assert "3 events GET_UNRESOLVED" in output
    assert not Log.objects.exists()
    assert not ImportedTable.objects.exists()


def test_older_rows_can_be_left_out_and_stay_out():
    add(3)
    since = (START + timedelta(minutes=1)).isoformat()
    imported("request", f"--since={since}")
    assert paths() == expected(3)[1:]
    add(1)
    imported("request")
    assert paths() == expected(4)[1:]
    with pytest.raises(CommandError, match="began with --since 2024-05-01T12:01:00"):
        run("request", "--since=2024-01-01")


def test_a_restart_needs_that_the_events_were_deleted():
    add(2)
    imported("request")
    with pytest.raises(CommandError, match="eventlog_prune 0d --search"):
        run("request", "--restart")
    call_command(
        "eventlog_prune", "0d", search="extra.imported.from:request.Request", stdout=StringIO()
    )
    assert len(imported("request", "--restart")) == 2


def test_an_imported_event_has_the_same_uid_again():
    add(1)
    (event,) = imported("request")
    Log.objects.all().delete()
    (again,) = imported("request", "--restart")
    assert (again.uid, again.uid.version) == (event.uid, 8)
    assert again.uid.int >> 80 == int(START.timestamp() * 1000)


def test_mariadb_accepts_each_uid():
    uids = (uid_of(Origin("request.Request", key), "", START) for key in range(1000))
    assert "80" not in {uid[16:18] for uid in uids}


def test_receivers_are_not_told_of_imported_events():
    told = []

    def receive(event, **kwargs):
        told.append(event.action)

    event_logged.connect(receive)
    add(1)
    imported("request")
    event_logged.disconnect(receive)
    assert set(told) <= {"EVENTLOG_IMPORT_STARTED", "EVENTLOG_IMPORTED"}


def test_hours_that_were_counted_before_are_counted_again():
    log(None, "X", dateof=START)
    call_command("eventlog_count", stdout=StringIO())
    add(2)
    run("request")
    call_command("eventlog_count", stdout=StringIO())
    assert HourCount.objects.get(dimension="all", hour=START).count == 3


def test_the_import_itself_is_an_event():
    add(2)
    run("request", "--final", "--operator=zora", "--reason=new event log")
    started, ended = Log.objects.action("EVENTLOG_IMPORT*").order_by("pk")
    assert (started.action, ended.action) == ("EVENTLOG_IMPORT_STARTED", "EVENTLOG_IMPORTED")
    assert (ended.extra["source"], ended.extra["count"]) == ("request", 2)
    assert ended.extra["complete"] is True
    assert (ended.extra["operator"], ended.extra["reason"]) == ("zora", "new event log")


REFUSE = {
    "sqlite": "CREATE TRIGGER refuse BEFORE INSERT ON eventlog_log "
    "WHEN NEW.extra LIKE '%/orders/1/%' BEGIN SELECT RAISE(ABORT, 'no'); END",
    "postgresql": "ALTER TABLE eventlog_log ADD CONSTRAINT refuse "
    "CHECK (extra::text NOT LIKE '%/orders/1/%')",
    "mysql": "ALTER TABLE eventlog_log ADD CONSTRAINT refuse CHECK (extra NOT LIKE '%/orders/1/%')",
}


@pytest.fixture
def refusal(transactional_db):
    """A database that refuses an event; committed, because MariaDB commits a changed table."""
    is_trigger = connection.vendor == "sqlite"
    undo = (
        "DROP TRIGGER refuse" if is_trigger else "ALTER TABLE eventlog_log DROP CONSTRAINT refuse"
    )
    with connection.cursor() as cursor:
        cursor.execute(REFUSE[connection.vendor])
        yield
        cursor.execute(undo)


def test_a_row_that_the_database_refuses_does_not_stop_the_import(refusal):
    rows = add(3)
    output = run("request", "--final")
    assert "3 rows became 2 events" in output
    refused = rf"Not imported: 1 row, the database refused it, \w+ \(such as {rows[1].pk}\)"
    assert re.search(refused, output)
    assert paths() == ["/orders/0/", "/orders/2/"]


@pytest.mark.django_db(transaction=True)
def test_an_account_that_is_deleted_during_the_import_costs_no_event(anna):
    add(4, user=anna)
    _, pages = begun()
    next(pages)
    # Not with Django, which would clear the column as well.
    Request.objects.update(user=None)
    key = anna.pk
    User.objects.filter(pk=key).delete()
    next(pages)
    assert [event.user_id for event in events()] == [None] * 4


def test_sites_without_time_zones_keep_the_times_of_rows(settings):
    settings.USE_TZ = False
    add(2, time=datetime(2024, 5, 1, 12))
    imported("request")
    assert {event.timestamp for event in events()} == {datetime(2024, 5, 1, 12)}


def test_switched_off_recording_is_said(settings):
    settings.EVENTLOG = {"ENABLED": False}
    with pytest.raises(CommandError, match="ENABLED"):
        run("request")
