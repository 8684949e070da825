"""The table of events in ClickHouse: its name, its definition, and its state."""

import re
from collections.abc import Iterator

from ...backends import destinations
from .columns import INDEXES, PROJECTIONS, column_definitions, projection_sql
from .server import Server

# Names of databases, tables and clusters are part of SQL, so they are restricted.
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
TEST_PREFIX = "test_"  # of the database in a test run, as Django names it
# The number of INSERTs whose tokens a table without replication remembers. ClickHouse's default
# is 0, which would write a batch twice if its first INSERT is still running.
DEDUPLICATION_WINDOW = 10_000


def checked_name(option: str, name: str) -> str:
    """Return a name. Raise ``ValueError`` if it is not a plain identifier."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"{option} is {name!r}; it has to be a name of letters, digits and _")
    return name


class ClickHouseTable:
    """The table of events on a server."""

    def __init__(self, server: Server, database: str, table: str) -> None:
        self.server = server
        self._database = checked_name("database", database)
        self._table = checked_name("table", table)

    @property
    def database(self) -> str:
        """The database; in a test run, a database of its own."""
        return f"{TEST_PREFIX}{self._database}" if self.is_test else self._database

    @property
    def is_test(self) -> bool:
        """True in a test run."""
        return destinations.is_test_run()

    @property
    def name(self) -> str:
        """The table with its database."""
        return f"{self.database}.{self._table}"

    @property
    def store_name(self) -> str:
        """The name that marks events in the spool, which is the same in a test run."""
        address = re.sub(r"[^\w.:,@-]", "-", self.server.address.strip("/"))[-80:]
        return f"clickhouse@{address},{self._database}.{self._table}".replace(".", "-")

    def create(self, engine: str, cluster: str = "") -> None:
        """Create the database and the table if they do not exist."""
        for statement in self.creation(engine, cluster):
            self.server.command(statement)

    def creation(self, engine: str, cluster: str = "") -> list[str]:
        """Return the statements that create the database and the table."""
        on_cluster = _on(cluster)
        columns = [f"{name} {sql}" for name, sql in column_definitions().items()]
        definitions = ",\n    ".join(
            [*columns, *(index.sql for index in INDEXES), *map(projection_sql, PROJECTIONS)]
        )
        return [
            f"CREATE DATABASE IF NOT EXISTS {self.database}{on_cluster}",
            f"CREATE TABLE IF NOT EXISTS {self.name}{on_cluster} (\n    {definitions}\n)\n"
            f"ENGINE = {engine}\n"
            "PARTITION BY toYYYYMM(timestamp)\n"
            "ORDER BY (timestamp, id)\n"
            f"SETTINGS non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}",
        ]

    def months(self) -> list[tuple[int, int]]:
        """Return the partitions, such as 202605, each with its number of events."""
        rows = self.server.query(
            "SELECT toUInt32(partition) AS month, sum(rows) FROM system.parts WHERE active"
            " AND database = {database:String} AND table = {name:String}"
            " GROUP BY month ORDER BY month",
            {"database": self.database, "name": self._table},
        )
        return [(int(month), int(count)) for month, count in rows]

    def migrations(self, cluster: str = "") -> list[str]:
        """Return the statements that add what the table lacks."""
        alter = f"ALTER TABLE {self.name}{_on(cluster)}"
        found = []
        columns, indexes = self._columns(), self._indexes()
        for name, sql in column_definitions().items():
            if name not in columns:
                found.append(f"{alter} ADD COLUMN {name} {sql}")
                if "MATERIALIZED" in sql:
                    found.append(f"{alter} MATERIALIZE COLUMN {name}")
        for index in INDEXES:
            if index.name not in indexes:
                found.append(f"{alter} ADD {index.sql}")
                found.append(f"{alter} MATERIALIZE INDEX {index.name}")
        known = self._names("system.projections")
        for name in PROJECTIONS:
            if name not in known:
                found.append(f"{alter} ADD {projection_sql(name)}")
                found.append(f"{alter} MATERIALIZE PROJECTION {name}")
        return found

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with the table."""
        rows = self.server.query(
            "SELECT partition_key, sorting_key, create_table_query, engine FROM system.tables"
            " WHERE database = {database:String} AND name = {name:String}",
            {"database": self.database, "name": self._table},
        )
        if not rows:
            yield f"The table {self.name} does not exist. Run manage.py eventlog_clickhouse create."
            return
        partition, order, definition, engine = rows[0]
        if engine == "Distributed":  # the tables of the shards hold the rest
            return
        if partition != "toYYYYMM(timestamp)":
            yield f"The table is partitioned by {partition or 'nothing'}, not by month."
        if order != "timestamp, id":
            yield f"The table is ordered by {order}. Pages need the order (timestamp, id)."
        if engine == "MergeTree" and "non_replicated_deduplication_window" not in definition:
            yield (
                "The table has no non_replicated_deduplication_window, so a batch whose INSERT "
                "is still running may be written twice."
            )
        if "Replacing" in engine or "Collapsing" in engine:
            yield f"The engine {engine} merges rows. Use MergeTree or ReplicatedMergeTree."
        if missing := self.migrations():
            yield (
                f"The table lacks columns or indexes ({len(missing)} statements). "
                "Run manage.py eventlog_clickhouse migrate."
            )

    def _columns(self) -> set[str]:
        return self._names("system.columns")

    def _indexes(self) -> set[str]:
        return self._names("system.data_skipping_indices")

    def _names(self, source: str) -> set[str]:
        sql = f"SELECT name FROM {source} WHERE database = {{d:String}} AND table = {{t:String}}"  # noqa: S608
        found = self.server.query(sql, {"d": self.database, "t": self._table})
        return {name for (name,) in found}


def _on(cluster: str) -> str:
    return f" ON CLUSTER {checked_name('cluster', cluster)}" if cluster else ""
