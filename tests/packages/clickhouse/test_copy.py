"""Events are copied to ClickHouse and back, each once, with all values."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from eventlog.backends import get_backend
from eventlog.contrib.archive.clickhouse_store import ClickHouseCopyStore
from eventlog.contrib.archive.database_store import DatabaseCopyStore
from eventlog.models import Log
from tests.contrib.archive.samples import (
    EXTRAS,
    MARCH,
    as_compared,
    contents,
    sample_of,
    write_samples,
)

from ...shop.models import Widget


@pytest.fixture
def database(db):
    return DatabaseCopyStore()


@pytest.fixture
def clickhouse(settings, backend, engine):
    """The table in ClickHouse, of a site that writes to the database."""
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "eventlog.contrib.archive"]
    settings.EVENTLOG = {"CLICKHOUSE": {"connection": engine}}
    yield ClickHouseCopyStore(backend.table)
    settings.EVENTLOG = {}
    get_backend()


@pytest.fixture
def samples(anna):
    return write_samples(anna, Widget.objects.create(name="sprocket"))


def copy(*arguments):
    call_command("eventlog_copy", *arguments, verbosity=0)


def test_events_are_copied_to_clickhouse_and_back(clickhouse, database, samples):
    before = contents(database)
    copy("--to", "clickhouse")
    copy("--to", "clickhouse", "--all-hours")
    assert as_compared(contents(clickhouse)) == as_compared(before)
    Log.objects.all().delete()
    copy("--to", "database")
    copy("--to", "database", "--all-hours")
    assert as_compared(contents(database)) == as_compared(before)
    assert Log.objects.get(action="PAID").obj.name == "sprocket"


def test_the_reader_finds_copied_events(clickhouse, database, samples, settings, options):
    copy("--to", "clickhouse")
    settings.EVENTLOG = {
        "BACKEND": "eventlog.contrib.clickhouse.backend.ClickHouseBackend",
        "OPTIONS": options,
    }
    reader = get_backend().reader()
    page = reader.page(reader.parse("user:anna").plan, 10)
    assert [(event.action, event.user_name) for event in page.events] == [("PAID", "anna")]


def test_a_month_of_an_archive_is_loaded_into_clickhouse(clickhouse, samples, tmp_path, database):
    archive = ["--archive", str(tmp_path)]
    copy("--to", "parquet", "--from", "database", *archive)
    copy("--to", "clickhouse", "--from", "parquet", "--month", "2026-03", *archive)
    assert [event.moment.month for event in contents(clickhouse)] == [3] * len(EXTRAS)
    copy("--to", "clickhouse", "--from", "parquet", "--month", "2026-04", *archive)
    assert as_compared(contents(clickhouse)) == as_compared(contents(database))


def test_events_that_were_deleted_are_copied_again(clickhouse, samples, backend):
    copy("--to", "clickhouse")
    # A mutation keeps the token of the INSERT, by which ClickHouse drops the same rows silently.
    backend.table.server.query(
        f"ALTER TABLE {backend.table.name} DELETE WHERE action != 'A1' SETTINGS mutations_sync = 2"
    )
    copy("--to", "clickhouse", "--all-hours")
    assert len(contents(clickhouse)) == len(samples)


def test_events_that_the_site_has_written_itself_are_not_copied_again(clickhouse, database, db):
    Log.objects.create(action="OLD", timestamp=MARCH, uid="0" * 31 + "7")
    Log.objects.create(action="NEW", timestamp=MARCH, uid="0" * 31 + "8")
    (new,) = [event for event in contents(database) if event.action == "NEW"]
    clickhouse.add([new], None)
    copy("--to", "clickhouse")
    assert [event.action for event in contents(clickhouse)] == ["OLD", "NEW"]


def test_verify_names_hours_with_other_values(clickhouse, samples, backend):
    copy("--to", "clickhouse")
    copy("--to", "clickhouse", "--verify")
    backend.table.server.query(
        f"ALTER TABLE {backend.table.name} UPDATE extra = '{{}}' WHERE action = 'A2'"
        " SETTINGS mutations_sync = 2"
    )
    with pytest.raises(CommandError, match=r"database and clickhouse differ in 1 hour:\n.*23h"):
        copy("--to", "clickhouse", "--verify")


def test_times_that_clickhouse_does_not_store_are_left_out_and_reported(
    clickhouse, samples, capsys
):
    Log.objects.create(action="ANCIENT", timestamp=datetime(1800, 1, 1, tzinfo=UTC))
    Log.objects.create(action="BEFORE_1970", timestamp=datetime(1969, 12, 31, 23, 59, tzinfo=UTC))
    copy("--to", "clickhouse")
    assert "1900 to 2299: 1 event." in capsys.readouterr().err
    start, end = datetime(1969, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)
    assert clickhouse.hours(start, end) == {datetime(1969, 12, 31, 23, tzinfo=UTC): 1}


def test_many_events_at_the_same_time_are_read_in_pages(clickhouse, monkeypatch):
    monkeypatch.setattr("eventlog.contrib.archive.clickhouse_store.PAGE_ROWS", 3)
    events = [sample_of(number)._replace(micros=0) for number in range(10)]
    clickhouse.add(events, None)
    start = datetime(1970, 1, 1, tzinfo=UTC)
    assert [*clickhouse.read(start, start + timedelta(hours=1))] == events


def test_a_table_that_is_missing_is_reported(clickhouse, backend, samples):
    backend.table.server.command(f"DROP TABLE {backend.table.name}")
    with pytest.raises(CommandError, match=r"Run manage\.py eventlog_clickhouse create"):
        copy("--to", "clickhouse")
