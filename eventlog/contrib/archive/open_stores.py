"""The stores of ``eventlog_copy``, by their names."""

from pathlib import Path
from typing import Any, cast

from django.utils.module_loading import import_string

from ...backends import get_backend
from .copy_store import StoreError, WritableCopyStore
from .database_store import DatabaseCopyStore

DATABASE, CLICKHOUSE, PARQUET = STORES = ("database", "clickhouse", "parquet")


def store_of_site() -> str:
    """Return the name of the store to which the site writes."""
    return CLICKHOUSE if hasattr(get_backend(), "reader") else DATABASE


def default_source(target: str) -> str:
    """Return the store from which events are copied to ``target`` if none is given."""
    if target == PARQUET:
        return store_of_site()
    return DATABASE if target == CLICKHOUSE else CLICKHOUSE


def open_store(name: str, directory: str | None) -> WritableCopyStore:
    """Return a store; ``directory`` is the archive."""
    if name == DATABASE:
        return DatabaseCopyStore()
    if name == PARQUET:
        if not directory:
            raise StoreError("Give the directory of the Parquet files with --archive.")
        make = _import_optional("archive.parquet_store.ParquetCopyStore", "archive")
        return cast("WritableCopyStore", make(Path(directory)))
    table = _import_optional("clickhouse.configured_table.configured_table", CLICKHOUSE)()
    _import_optional("archive.clickhouse_store.require_table", CLICKHOUSE)(table)
    return cast(
        "WritableCopyStore",
        _import_optional("archive.clickhouse_store.ClickHouseCopyStore", CLICKHOUSE)(table),
    )


def open_source(name: str, directory: str | None) -> WritableCopyStore:
    """Return a store to read; an archive has to exist."""
    if name == PARQUET and directory and not Path(directory).is_dir():
        raise StoreError(f"The directory {directory} does not exist.")
    return open_store(name, directory)


def _import_optional(path: str, extra: str) -> Any:
    # Imported on first use, because the packages are optional.
    try:
        return import_string(f"eventlog.contrib.{path}")
    except ImportError as error:
        raise StoreError(f"{error}. Run pip install 'django-request-eventlog[{extra}]'.") from error
