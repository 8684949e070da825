"""The check of the indexes of events and of their counts."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from ..models import Log
from ..models.hourly import HourCount
from ..partitions.catalog import find_table
from ..partitions.inspection import indexes_of
from .findings import Finding, problem, warning
from .site import Site


def index_findings(site: Site) -> Iterator[Finding]:
    """Yield the indexes that are missing, or that PostgreSQL does not use."""
    for model in (Log, HourCount):
        with site.connection.cursor() as cursor:
            table = model._meta.db_table
            found = site.connection.introspection.get_constraints(cursor, table)
        for name, statement in _missing(site.connection, model, found):
            yield warning(
                f"index-missing.{name}",
                f"The table {table} lacks the index {name}, so searches may read the whole table.",
                f"Run this statement, on PostgreSQL with CONCURRENTLY: {statement}. If you have "
                f"dropped the index on purpose, ignore this finding.",
            )
    if (events := find_table(site.connection)) is not None:
        for index in indexes_of(site.connection, events):
            if not index.is_valid:
                yield problem(
                    f"index-invalid.{index.name}",
                    f"The index {index.name} is not valid, because its creation was interrupted: "
                    f"it makes writing slower, and no search uses it.",
                    f'Run REINDEX INDEX CONCURRENTLY "{index.name}".',
                )


def _missing(
    connection: BaseDatabaseWrapper, model: type[models.Model], found: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Yield the name of each missing index, and the statement that creates it."""
    # Not as a context manager, which SQLite refuses inside a transaction.
    editor: Any = connection.SchemaEditorClass(connection, collect_sql=True)
    has_expressions = connection.features.supports_expression_indexes
    for index in model._meta.indexes:
        # Django skips indexes over expressions on a database without them, such as MariaDB.
        if index.name not in found and (has_expressions or not index.contains_expressions):
            yield index.name, str(index.create_sql(model, editor))
    # The indexes of single fields have names that Django makes up.
    named = {index.name for index in model._meta.indexes}
    columns = [each["columns"] for name, each in found.items() if name not in named]
    for field in model._meta.local_fields:
        if getattr(field, "db_index", False) and [field.column] not in columns:
            unnamed = models.Index(fields=[field.name], name=f"{model._meta.db_table}_{field.name}")
            yield unnamed.name, str(unnamed.create_sql(model, editor))
