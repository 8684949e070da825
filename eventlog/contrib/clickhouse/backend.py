"""A buffered backend that delivers to ClickHouse."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from django.core.checks import CheckMessage, Error
from django.db import connections, router
from django.db.models import QuerySet
from django.utils.module_loading import import_string

from ...backends import destinations
from ...backends.buffered import BufferedBackend
from ...backends.delivery.segments import SegmentDelivery
from ...backends.destinations import Destination
from ...backends.losses import FAILED_INLINE
from ...backends.spool import Spool
from ...error_log import logger, report
from ...models import Log
from ...records.record import Record
from ...records.uid import new_uid
from .delivery import ClickHouseDelivery
from .insertion import deliver
from .server import Server
from .table import ClickHouseTable

if TYPE_CHECKING:
    from ...retention.event_store import EventStore
    from ...review.reader import Reader


class ClickHouseBackend(BufferedBackend):
    """Append events to the spool, and insert each segment into ClickHouse as one batch.

    ``connection``: the keyword arguments of ``clickhouse_connect.get_client()``, such as ``host``,
    ``port``, ``username``, ``password`` and ``secure``. ``database`` and ``table``: the table that
    ``manage.py eventlog_clickhouse create`` creates. The other options belong to BufferedBackend.
    """

    def __init__(
        self,
        *,
        connection: Mapping[str, Any] | None = None,
        database: str = "default",
        table: str = "eventlog",
        **options: Any,
    ) -> None:
        if not isinstance(connection, Mapping | None):
            raise ValueError(f"connection is {connection!r}; it has to be a dict")
        self.table = ClickHouseTable(Server(connection or {}), database, table)
        destinations.stores[self.table.store_name] = Destination(router.db_for_write(Log), "")
        super().__init__(**options)

    def make_delivery(self, spool: Spool) -> SegmentDelivery:
        return ClickHouseDelivery(spool, self.record_lost, self.table)

    def current_destination(self) -> str:
        return destinations.current_for_store(self.table.store_name)

    def _write_inline(self, record: Record, error: OSError) -> None:
        self._losses.report_inline(self.spool.directory, error)
        try:
            deliver(new_uid(), [[record.to_json()]], self.table, _log_rejected)
        except Exception as failure:  # noqa: BLE001 (the event is lost, and counted)
            report("writing an event inline", failure)
            self._losses.count(FAILED_INLINE)

    def reader(self, events: QuerySet[Log] | None = None) -> "Reader":
        """Return the reader of the table; ``events`` may leave events out."""
        # By its dotted path, because a site that only writes need not load the pages.
        make = import_string("eventlog.contrib.clickhouse.reader.ClickHouseReader")
        found: Reader = make(self.table, events)
        return found

    def store(self) -> "EventStore":
        """Return the store that commands change."""
        make = import_string("eventlog.contrib.clickhouse.event_store.ClickHouseEventStore")
        found: EventStore = make(self.table)
        return found

    def close(self) -> None:
        super().close()
        self.table.server.close()

    def check(self) -> list[CheckMessage]:
        return [*super().check(), *self._schemas()]

    def _schemas(self) -> Iterator[CheckMessage]:
        using = router.db_for_write(Log)
        if destinations.has_schemas(connections.settings[using].get("ENGINE")):
            yield Error(
                "ClickHouseBackend writes the events of all schemas to one table, so each tenant "
                "would see the events of the others.",
                hint="Use BufferedBackend with django-tenants.",
                id="eventlog.E070",
            )


def _log_rejected(batch_id: str, rejected: Any) -> None:
    for line, reason in rejected:
        logger.error("An event cannot be written (%s): %s", reason, line)
