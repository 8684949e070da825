"""The connection to a ClickHouse server, and its errors in Django's terms."""

import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError
from django.db import DataError, OperationalError

from ...text import UNSTORABLE

# Codes of errors that the values of a row cause: CANNOT_PARSE_TEXT, CANNOT_PARSE_INPUT_…,
# CANNOT_CONVERT_TYPE, ARGUMENT_OUT_OF_BOUND, INCORRECT_DATA, TOO_LARGE_STRING_SIZE,
# VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE, CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN,
# VIOLATED_CONSTRAINT.
ROW_ERRORS = (6, 27, 70, 69, 117, 131, 321, 349, 469)


class Server:
    """A ClickHouse server, with one client for each process.

    ``connection`` holds the keyword arguments of ``clickhouse_connect.get_client()``.
    """

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._arguments = dict(connection)
        self._lock = threading.Lock()
        self._client: Any = None
        self._process = 0

    @property
    def address(self) -> str:
        """The host and port, or the directory of an engine inside the process."""
        known = self._arguments.get
        if known("interface") == "chdb":
            return os.path.realpath(str(known("path") or ":memory:"))
        if known("dsn"):
            return str(known("dsn")).rpartition("@")[2].rpartition("//")[2].partition("?")[0]
        return f"{known('host') or 'localhost'}:{known('port') or ''}"

    @property
    def client(self) -> Any:
        """The client of this process, which is connected at the first call."""
        if self._client is None or self._process != os.getpid():
            with self._lock:
                if self._client is None or self._process != os.getpid():
                    self._client, self._process = self._connect(), os.getpid()
        return self._client

    def _connect(self) -> Any:
        arguments = self._arguments
        if arguments.get("interface") != "chdb":
            # Without a session, several threads may use the client at the same time.
            arguments = {"autogenerate_session_id": False, **arguments}
        try:
            return clickhouse_connect.get_client(**arguments)
        except ClickHouseError as error:
            raise _translated(error) from error

    def close(self) -> None:
        """Close the client of this process."""
        client, self._client = self._client, None
        if client is not None and self._process == os.getpid():
            client.close()

    def query(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        try:
            result = self.client.query(
                sql, parameters=dict(parameters or {}), settings=dict(settings or {})
            )
            return [tuple(row) for row in result.result_rows]
        except ClickHouseError as error:
            raise _translated(error) from error

    def command(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Run a statement without rows."""
        try:
            self.client.command(
                sql, parameters=dict(parameters or {}), settings=dict(settings or {})
            )
        except ClickHouseError as error:
            raise _translated(error) from error

    def insert(
        self,
        table: str,
        columns: Mapping[str, str],
        rows: Sequence[Sequence[Any]],
        settings: Mapping[str, Any],
    ) -> None:
        """Insert rows by one INSERT; ``columns`` holds the type of each column."""
        try:
            self.client.insert(
                table,
                rows,
                column_names=[*columns],
                column_type_names=[*columns.values()],
                settings=dict(settings),
            )
        except ClickHouseError as error:
            raise _translated(error) from error


def _translated(error: ClickHouseError) -> DataError | OperationalError:
    """Return the error as Django's, so that delivery handles it as an error of a database."""
    code = getattr(error, "code", None)
    message = UNSTORABLE.sub("\ufffd", str(error).partition(" (for url")[0])
    return DataError(message) if code in ROW_ERRORS else OperationalError(message)
