"""Archives that are damaged, and runs that fail, end with a message and lose no event."""

import errno
import os
from contextlib import suppress
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError

from eventlog.backends.spool import locks
from eventlog.contrib.archive.copy_store import StoreError
from eventlog.contrib.archive.parquet_store import ParquetCopyStore
from eventlog.models import Log

from .samples import APRIL, END, MARCH, as_compared, contents, sample_of


@pytest.fixture
def file(copy, samples, tmp_path):
    """Return the file of a month in an archive."""
    copy("--to", "parquet")
    return tmp_path / "archive/date=2026-03/events.parquet"


def halved(data):
    return data[: len(data) // 2]


def inverted(data):
    """Return the data with other bytes in the first page."""
    return data[:10] + bytes(255 - byte for byte in data[10:60]) + data[60:]


@pytest.mark.parametrize("damage", [halved, inverted, lambda data: b""])
@pytest.mark.parametrize(
    "arguments", [["--to", "parquet", "--verify"], ["--from", "parquet", "--all-hours"]]
)
def test_the_message_names_a_damaged_file(copy, file, damage, arguments):
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(CommandError, match=r"date=2026-03/events\.parquet cannot be read: "):
        copy(*arguments)


def test_the_message_names_a_file_of_another_program(copy, file):
    pq.write_table(pa.table({"number": [1]}), file)
    with pytest.raises(CommandError, match="cannot be read: it has other columns"):
        copy("--to", "parquet")


def test_a_file_without_rows_is_filled(copy, file, archive, database):
    pq.write_table(pq.read_table(file).slice(0, 0), file)
    copy("--to", "parquet")
    assert as_compared(contents(archive)) == as_compared(contents(database))


def test_one_wrong_bit_in_the_events_is_noticed(file, archive):
    right, before = file.read_bytes(), contents(archive)
    footer = len(right) - 8 - int.from_bytes(right[-8:-4], "little")  # which has no checksum
    for position in range(4, footer, 97):
        wrong = bytearray(right)
        wrong[position] ^= 1
        file.write_bytes(wrong)
        archive.close()
        with suppress(StoreError):
            assert contents(archive) == before  # if the bit has no meaning


@pytest.mark.parametrize("has_file", [True, False])
def test_no_unfinished_file_stays_on_a_full_disk(copy, samples, tmp_path, monkeypatch, has_file):
    if has_file:
        copy("--to", "parquet")
        Log.objects.create(action="LATE", timestamp=MARCH)
    before = {*tmp_path.rglob("*.parquet")}

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(CommandError, match="No space left"):
            copy("--to", "parquet")
    assert {path for path in tmp_path.rglob("*.*") if path.is_file()} - before == {
        tmp_path / "archive/.lock"
    }
    copy("--to", "parquet")
    copy("--to", "parquet", "--verify")


@pytest.mark.skipif(not locks.ARE_AVAILABLE, reason="the platform has no file locks")
def test_what_another_run_added_in_the_meantime_is_not_added_again(tmp_path, archive):
    def add(store, number):
        added = store.add([sample_of(number)], {})
        store.commit()
        store.close()
        return added

    add(archive, 1)
    archive.hours(datetime(1970, 1, 1, tzinfo=UTC), END)  # opens the file, and waits
    assert add(ParquetCopyStore(tmp_path / "archive"), 2) == 1
    assert add(archive, 2) == 0
    assert len(contents(archive)) == 2


@pytest.mark.parametrize("year", [1, 202, 1582])
def test_an_event_of_an_ancient_year_is_archived(copy, database, archive, year):
    moment = datetime(year, 2, 2, tzinfo=UTC)
    Log.objects.create(action="ANCIENT", timestamp=moment)
    copy("--to", "parquet")
    copy("--to", "parquet", "--verify", "--until", "2026-01-01")
    assert [event.moment for event in archive.read(moment, APRIL)] == [moment]


def test_an_archive_that_does_not_exist_is_not_loaded(copy, db):
    with pytest.raises(CommandError, match="does not exist"):
        copy("--from", "parquet")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--month", "9999-12"),
        ("--since", "0001-01-01T00:00:00+14:00"),
        ("--until", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_a_time_outside_the_calendar_is_refused(copy, db, arguments):
    with pytest.raises(CommandError, match=r"is not a (month|date)"):
        copy("--to", "parquet", *arguments)
