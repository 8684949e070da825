"""The table in ClickHouse that the settings name."""

from ...backends import get_backend
from ...conf import Misconfigured, conf
from .backend import ClickHouseBackend
from .server import Server
from .table import ClickHouseTable

KEYS = ("connection", "database", "table")


def configured_table() -> ClickHouseTable:
    """Return the table of the backend, or of ``EVENTLOG["CLICKHOUSE"]`` with another backend.

    Raise ``Misconfigured`` if there is none.
    """
    backend = get_backend()
    if isinstance(backend, ClickHouseBackend):
        return backend.table
    options = conf.clickhouse
    hint = (
        "Set EVENTLOG['CLICKHOUSE'] to a dict with the keys 'connection', 'database' and 'table'."
    )
    if not isinstance(options, dict) or not options or options.keys() - {*KEYS}:
        raise Misconfigured(
            f"EVENTLOG['BACKEND'] is {type(backend).__name__}, and EVENTLOG['CLICKHOUSE'] is "
            f"{sorted(options) if isinstance(options, dict) else options!r}.",
            hint,
            "eventlog.E071",
        )
    try:
        return ClickHouseTable(
            Server(options.get("connection", {})),
            options.get("database", "default"),
            options.get("table", "eventlog"),
        )
    except (TypeError, ValueError) as error:
        raise Misconfigured(
            f"EVENTLOG['CLICKHOUSE'] is not valid: {error}.", hint, "eventlog.E071"
        ) from error
