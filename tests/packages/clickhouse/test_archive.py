"""DuckDB, ClickHouse and PyArrow read an archive with its months, and find the same rows."""

import duckdb
import pyarrow.dataset as ds
import pytest
from django.core.management import call_command

from eventlog.contrib.archive.parquet_store import ParquetCopyStore
from tests.contrib.archive.samples import contents, write_samples

from ...shop.models import Widget

COLUMNS = (
    "date, uid, action, user_id, user_repr, user_state, model, object_id, object_repr, is_request,"
    " ip, status, own_keys, extra"
)


@pytest.fixture
def archive(settings, anna, tmp_path):
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "eventlog.contrib.archive"]
    write_samples(anna, Widget.objects.create(name="sprocket"))
    call_command("eventlog_copy", "--to", "parquet", "--archive", str(tmp_path), verbosity=0)
    return ParquetCopyStore(tmp_path)


def duckdb_rows(directory, where):
    micros = COLUMNS.replace("uid,", "uid, epoch_us(timestamp),")
    return duckdb.sql(
        f"SELECT {micros} FROM read_parquet('{directory}/*/*.parquet', hive_partitioning = true)"
        f" WHERE {where} ORDER BY uid"
    ).fetchall()


def pyarrow_rows(directory, months):
    found = ds.dataset(directory, partitioning="hive")
    some = found.to_table(filter=ds.field("date").isin(months)).sort_by("uid")
    micros = [value.value for value in some["timestamp"]]
    names = [name.strip() for name in COLUMNS.split(",")]
    date, uid, *rest = (some[name].to_pylist() for name in names)
    return [*zip(date, uid, micros, *rest, strict=True)]


def clickhouse_rows(engine, directory, where):
    from eventlog.contrib.clickhouse.server import Server

    micros = COLUMNS.replace("uid,", "uid, toUnixTimestamp64Micro(timestamp),")
    return Server(engine).query(
        f"SELECT {micros} FROM file('{directory}/date=*/events.parquet', Parquet)"
        f" WHERE {where} ORDER BY uid SETTINGS use_hive_partitioning = 1"
    )


def expected(archive, months):
    rows = [
        (f"{event.moment:%Y-%m}", event.uid, event.micros, *event[2:])
        for event in contents(archive)
    ]
    return [row for row in rows if row[0] in months]


def plain(rows):
    return [(date, uid.replace("-", ""), *rest) for date, uid, *rest in rows]


@pytest.mark.parametrize("months", [["2026-03"], ["2026-03", "2026-04"]])
def test_engines_read_the_same_rows_by_month(archive, engine, months):
    directory, rows = str(archive.directory), expected(archive, months)
    where = f"date IN ({', '.join(map(repr, months))})"
    assert rows
    assert plain(duckdb_rows(directory, where)) == rows
    assert plain(pyarrow_rows(directory, months)) == rows
    assert plain(clickhouse_rows(engine, directory, where)) == rows


def test_engines_read_documents(archive, engine):
    (found,) = duckdb.sql(
        f"SELECT extra->>'$.reason' FROM '{archive.directory}/*/*.parquet' WHERE action = 'A2'"
    ).fetchall()
    assert found == ("a request",)
