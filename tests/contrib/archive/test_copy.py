"""Events are copied once, with all their values, and compared."""

import json
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError
from django.utils import timezone

from eventlog.backends.spool import locks
from eventlog.contrib.archive.copy_store import StoreError, missing
from eventlog.contrib.archive.event import Checksum, canonical, event_batches
from eventlog.contrib.archive.parquet_store import ParquetCopyStore
from eventlog.models import Log

from .samples import APRIL, MARCH, as_compared, contents, sample_of


def test_a_month_is_archived_and_loaded_back_with_all_values(copy, samples, database, archive):
    before = contents(database)
    copy("--to", "parquet")
    assert as_compared(contents(archive)) == as_compared(before)
    Log.objects.all().delete()
    copy("--from", "parquet", "--month", "2026-03")
    copy("--from", "parquet", "--month", "2026-04")
    assert as_compared(contents(database)) == as_compared(before)
    assert Log.objects.get(action="PINAX").own_keys is None


def test_an_archive_has_a_directory_for_each_month(copy, samples, tmp_path):
    copy("--to", "parquet")
    files = sorted(path for path in (tmp_path / "archive").rglob("*") if path.is_file())
    assert [str(path.relative_to(tmp_path / "archive")) for path in files] == [
        ".lock",
        "date=2026-03/events.parquet",
        "date=2026-04/events.parquet",
    ]


def test_a_second_run_changes_nothing(copy, samples, tmp_path, capsys):
    copy("--to", "parquet")
    file = tmp_path / "archive/date=2026-03/events.parquet"
    before = file.stat()
    copy("--to", "parquet", "--all-hours")
    assert file.stat().st_ino == before.st_ino
    assert "0 events copied from database to parquet." in capsys.readouterr().out


def test_loading_a_month_twice_adds_nothing(copy, samples, database):
    before = contents(database)
    copy("--to", "parquet")
    copy("--from", "parquet", "--month", "2026-03", "--all-hours")
    assert contents(database) == before


def test_late_events_are_added_to_the_archive(copy, samples, database, archive):
    copy("--to", "parquet")
    Log.objects.create(action="LATE", timestamp=MARCH)
    copy("--to", "parquet")
    assert as_compared(contents(archive)) == as_compared(contents(database))
    times = [event.micros for event in archive.read(MARCH, APRIL)]
    assert times == sorted(times)


def test_events_that_were_pruned_stay_in_the_archive(copy, samples, archive, capsys):
    copy("--to", "parquet")
    before = contents(archive)
    Log.objects.filter(action__in=["A1", "GET_PAGE"]).delete()
    copy("--to", "parquet")
    assert contents(archive) == before


def test_hours_that_are_not_over_are_not_copied(copy, db, archive):
    Log.objects.create(action="NOW")
    copy("--to", "parquet", "--until", "2100-01-01")
    assert contents(archive) == []


def test_only_the_given_time_is_copied(copy, samples, archive):
    copy("--to", "parquet", "--since", "2026-03-31T23:00Z", "--until", "2026-04-01T00:00Z")
    assert [event.action for event in contents(archive)] == [f"A{n}" for n in range(1, 7)]


def test_a_dry_run_counts(copy, samples, archive, capsys):
    copy("--to", "parquet", "--dry-run")
    assert capsys.readouterr().out.splitlines() == [
        "2026-03: 7 events in the source, 7 in 2 hours that would be copied",
        "2026-04: 3 events in the source, 3 in 1 hour that would be copied",
        "10 events from database to parquet",
    ]
    assert not archive.directory.exists()


def test_verify_names_the_hours_that_differ(copy, samples, capsys):
    copy("--to", "parquet")
    copy("--to", "parquet", "--verify")
    assert "database and parquet have the same 10 events in 3 hours." in capsys.readouterr().out
    Log.objects.filter(action="A0").update(user_repr="another")
    Log.objects.filter(action="A1").delete()
    Log.objects.filter(timestamp=APRIL).delete()
    with pytest.raises(CommandError) as error:
        copy("--to", "parquet", "--verify")
    assert str(error.value).splitlines() == [
        "database and parquet differ in 3 hours:",
        "  2026-03-31 22h: 1 in database, 1 in parquet with other values",
        "  2026-03-31 23h: 5 in database, 6 in parquet",
        "  2026-04-02 00h: 0 in database, 3 in parquet",
    ]


def test_a_copy_reports_events_that_have_other_values_in_the_target(copy, samples):
    copy("--to", "parquet")
    Log.objects.filter(action="A1").update(user_repr="another")
    with pytest.raises(CommandError, match="2026-03-31 23h: 6 in database, 6 in parquet with"):
        copy("--to", "parquet", "--all-hours")


def test_the_event_of_a_deleted_account_is_loaded_without_its_key(copy, samples, capsys):
    copy("--to", "parquet")
    Log.objects.all().delete()
    User.objects.all().delete()
    copy("--from", "parquet", "--month", "2026-04")
    event = Log.objects.get(action="PAID")
    assert (event.user_id, event.user_repr) == (None, "anna")
    assert (
        "Some events have no user, because the account was deleted since: 1 event"
        in capsys.readouterr().err
    )


def test_events_of_an_app_that_was_removed_lose_only_the_kind(copy, archive, db, capsys):
    archive.add([sample_of(1)._replace(model="gone.thing", object_id="7")], None)
    archive.commit()
    archive.close()
    copy("--from", "parquet")
    event = Log.objects.get(action="A")
    assert (event.content_type, event.object_id) == (None, "7")
    assert "its app was removed" in capsys.readouterr().err


def test_the_run_is_recorded(copy, samples):
    copy("--to", "parquet", "--reason", "monthly")
    event = Log.objects.get(action="EVENTLOG_EXPORTED")
    assert (event.extra["count"], event.extra["to"], event.extra["complete"]) == (
        10,
        "parquet",
        True,
    )


def test_one_process_at_a_time_writes_an_archive(copy, samples, tmp_path):
    other = ParquetCopyStore(tmp_path / "archive")
    other.add([sample_of(1)], None)
    with pytest.raises(CommandError, match="Another process writes the archive"):
        copy("--to", "parquet")
    other.close()
    copy("--to", "parquet")


def test_a_file_that_was_not_finished_is_not_read(copy, samples, database, archive):
    directory = archive.month_directory(MARCH)
    directory.mkdir(parents=True)
    (directory / ".added.tmp").write_bytes(b"PAR1 of a run that was killed")
    copy("--to", "parquet")
    assert as_compared(contents(archive)) == as_compared(contents(database))
    assert [path.name for path in directory.iterdir()] == ["events.parquet"]


def test_a_directory_that_is_not_a_month_is_refused(archive):
    (archive.directory / "date=2026-13").mkdir(parents=True)
    with pytest.raises(StoreError, match="'date=2026-13' of the archive is not a month"):
        archive.hours(MARCH, APRIL)


def test_a_large_file_is_read_by_row_groups(archive, monkeypatch):
    monkeypatch.setattr("eventlog.contrib.archive.parquet_file.GROUP_ROWS", 10)
    events = [sample_of(number) for number in range(95)]
    archive.add(events, None)
    archive.commit()
    (path,) = archive.directory.glob("*/events.parquet")
    assert pq.ParquetFile(path).metadata.num_row_groups == 10
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    some = archive.read(epoch + timedelta(microseconds=7), epoch + timedelta(microseconds=23))
    assert [*some] == events[7:23]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give --to with one of: database, clickhouse, parquet."),
        (["--from", "database", "--to", "database"], "are both database"),
        (["--to", "parquet", "--month", "2026-03", "--since", "2026-03-01"], "either --month"),
        (["--to", "parquet", "--month", "2026-3"], "'2026-3' is not a month"),
        (["--to", "parquet", "--since", "yesterday"], "'yesterday' is not a date"),
        (["--to", "clickhouse"], r"EVENTLOG\['CLICKHOUSE'\] is"),
    ],
)
def test_wrong_arguments_are_explained(copy, db, arguments, message):
    with pytest.raises(CommandError, match=message):
        copy(*arguments)


def test_an_archive_is_not_written_without_file_locks(copy, samples, tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "ARE_AVAILABLE", False)
    with pytest.raises(CommandError, match="needs POSIX file locks"):
        copy("--to", "parquet")
    assert not (tmp_path / "archive").exists()


def test_an_archive_needs_a_directory(app, db):
    from django.core.management import call_command

    with pytest.raises(CommandError, match="Give the directory of the Parquet files"):
        call_command("eventlog_copy", "--to", "parquet")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata"])
def test_a_site_without_time_zones_copies_each_event_once(
    copy, settings, zone, db, database, archive, monkeypatch
):
    monkeypatch.setattr("eventlog.contrib.archive.database_store.PAGE_ROWS", 2)
    settings.USE_TZ, settings.TIME_ZONE = False, zone
    # In Berlin, the clock went from 3 to 2 on this day, so the hour of 2 comes twice.
    start = datetime(2025, 10, 26)
    rows = [Log(action="A", timestamp=start + timedelta(minutes=20 * n)) for n in range(15)]
    for row in rows:
        row.save()
    copy("--to", "parquet")
    assert as_compared(contents(archive)) == as_compared(contents(database))
    assert len(contents(archive)) == 15
    assert (
        sum(database.hours(*[datetime(y, 1, 1, tzinfo=UTC) for y in (2025, 2026)]).values()) == 15
    )


# Checksums


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a":1,"b":[]}', '{"b": [], "a": 1}'),
        ("1.0", "1"),
        ("1e16", "10000000000000000"),
        ("1e300", f"1{'0' * 300}"),
        ("12345678901234567890", "1.2345678901234567e19"),
        ('"\\u00e9"', '"é"'),
    ],
)
def test_documents_are_equal_however_a_database_prints_them(one, other):
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(("one", "other"), [('"1"', "1"), ("null", '"null"'), ("0.1", "0.2")])
def test_other_documents_are_not_equal(one, other):
    assert canonical(one) != canonical(other)


def test_a_document_that_python_cannot_parse_is_compared_as_text():
    assert canonical("[" * 100_000) == "[" * 100_000
    assert json.loads(canonical("1e999")) == "1e999"


@pytest.mark.parametrize("field", range(len(sample_of(1))))
def test_the_checksum_covers_each_field(field):
    event = sample_of(1)
    values = [*event]
    values[field] = {13: '{"a":1}'}.get(field, 99 if field == 1 else "changed")
    assert Checksum.of([event]) != Checksum.of([event._make(values)])


def test_the_checksum_does_not_depend_on_the_order():
    events = [sample_of(number) for number in range(5)]
    assert Checksum.of(events) == Checksum.of(reversed(events))
    assert Checksum.of(events[:2]).plus(Checksum.of(events[2:])) == Checksum.of(events)


def test_batches_are_bounded_in_rows_and_bytes():
    events = [sample_of(number)._replace(extra="x" * 10) for number in range(5)]
    assert [len(batch) for batch in event_batches(events, rows=2)] == [2, 2, 1]
    assert [len(batch) for batch in event_batches(events, size=25)] == [2, 2, 1]
    assert [len(batch) for batch in event_batches(events, size=5)] == [1] * 5


def test_the_current_month_is_not_archived_by_default(copy, db, archive):
    start = timezone.now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    Log.objects.create(action="BEFORE", timestamp=start - timedelta(microseconds=1))
    Log.objects.create(action="THIS", timestamp=start)
    copy("--to", "parquet")
    assert [event.action for event in contents(archive)] == ["BEFORE"]


def test_events_that_another_process_has_just_written_are_not_written_twice(
    database, archive, samples, monkeypatch
):
    some = contents(database)[:3]
    stale = iter([some])  # the answer from before the other process has written
    monkeypatch.setattr(
        "eventlog.contrib.archive.database_store.missing",
        lambda store, events: next(stale, None) or missing(store, events),
    )
    assert database.add(some, None) == 0
    assert len(contents(database)) == len(samples)
