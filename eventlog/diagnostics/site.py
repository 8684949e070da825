"""The site that is diagnosed, with the facts that several checks need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from django.conf import settings
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

from ..backends import get_backend
from ..backends.base import BaseBackend
from ..backends.buffered import BufferedBackend
from ..backends.spool import Status
from ..conf import Misconfigured
from ..models import Log

MAX_AGE = 300.0  # seconds that an event may wait
TIMEOUT = 2.0  # seconds for the answers of workers

Need = Literal["nothing", "settings", "spool", "database", "tables"]


@dataclass(frozen=True)
class Options:
    """The options of a diagnosis."""

    max_age: float = MAX_AGE
    timeout: float = TIMEOUT
    peer: str | None = None
    """The address of a connection; None for examples that fit the settings."""
    headers: Mapping[str, str] = field(default_factory=dict)


class Site:
    """The site that is checked.

    ``options`` are the options of the command: ``max_age``, ``timeout``, ``peer`` and ``headers``.
    ``backend`` is the backend, None if the settings do not name a usable one. ``using`` is the
    alias of the database of events, and ``connection`` its connection.
    """

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()

    def lacks(self, need: Need) -> str:
        """Return why a check cannot run, or an empty text."""
        if need == "nothing":
            return ""
        if not isinstance(getattr(settings, "EVENTLOG", {}), Mapping):
            return "EVENTLOG is not a dict"
        if need == "spool":
            return "" if self.spooled is not None else "the backend has no spool"
        if need in ("database", "tables") and self.database_error:
            return "the database cannot be reached"
        if need == "tables" and self.unapplied:
            return "migrations are not applied"
        return ""

    @cached_property
    def backend(self) -> BaseBackend | None:
        """The backend; None if the settings do not name a usable one, which a check reports."""
        try:
            return get_backend()
        except Misconfigured:
            return None

    @property
    def spooled(self) -> BufferedBackend | None:
        """The backend, if it has a spool."""
        return self.backend if isinstance(self.backend, BufferedBackend) else None

    @cached_property
    def spool_status(self) -> Status:
        """The content of the spool."""
        assert self.spooled is not None
        return self.spooled.status()

    @property
    def using(self) -> str:
        """The alias of the database of events."""
        return str(router.db_for_write(Log))

    @property
    def connection(self) -> BaseDatabaseWrapper:
        return connections[self.using]

    @cached_property
    def database_error(self) -> str:
        """The error of a connection to the database of events, or an empty text."""
        try:
            self.connection.ensure_connection()
        except Exception as error:  # noqa: BLE001 (each driver raises its own errors)
            return f"{type(error).__name__}: {error}".strip()
        return ""

    @cached_property
    def unapplied(self) -> Sequence[str]:
        """The migrations of eventlog and its optional apps that the database does not have."""
        loader = MigrationLoader(self.connection)
        applied = loader.applied_migrations or {}
        return sorted(
            f"{app}.{name}"
            for app, name in loader.disk_migrations
            if app.startswith("eventlog")
            and (app, name) not in applied
            and router.allow_migrate(self.using, app)
        )
