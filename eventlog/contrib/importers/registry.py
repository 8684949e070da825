"""The sources of imports: a package each, with its tables."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .sources import (
    admin,
    auditlog,
    axes,
    django_request,
    drf_api_logger,
    easyaudit,
    simple_history,
)
from .table import SourceTable


class Source(NamedTuple):
    """A package whose tables can be imported."""

    package: str  # as the package index names it
    tables: Callable[[str | None], Sequence[SourceTable]]
    """Returns the tables in a database; by default, each in the database of its model."""
    missing: str
    """The advice in the error if no table is found."""


def _of(package: str, tables: Sequence[type[SourceTable]]) -> Source:
    missing = (
        "If the tables are in another database, name it with --database. The package itself is "
        "not needed: tables that it has left behind can be imported."
    )
    return Source(package, lambda using: [table(using) for table in tables], missing)


SOURCES = {
    "admin": _of("Django's admin", admin.TABLES),
    "auditlog": _of("django-auditlog", auditlog.TABLES),
    "axes": _of("django-axes", axes.TABLES),
    "drf_api_logger": _of("DRF-API-Logger", drf_api_logger.TABLES),
    "easyaudit": _of("django-easy-audit", easyaudit.TABLES),
    "request": _of("django-request", django_request.TABLES),
    "simple_history": Source(
        "django-simple-history",
        simple_history.tables,
        "Its tables belong to your own models. Keep django-simple-history installed, and "
        "HistoricalRecords in your models, until the import is complete.",
    ),
}
