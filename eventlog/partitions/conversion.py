"""The plan of a conversion of the table of events into a partitioned one, without a rewrite.

https://www.postgresql.org/docs/current/ddl-partitioning.html recommends the same steps: a CHECK
constraint that is validated beforehand spares ATTACH PARTITION the scan of the table.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from .catalog import EventTable
from .creation import MONTHS_AHEAD, create_missing, missing_spans, partition_name
from .inspection import CHECK_PREFIX, TableFacts, inspect_table
from .locks import DEFAULT, LockWaits, run_in_transaction
from .months import TimeRange, month_of, months_later, sql_literal
from .swap import KEY_INDEX, swap

# Until the conversion is finished, later events than the first partition takes are rejected.
MIN_REMAINING = timedelta(days=7)
BYTES_PER_SECOND = 200_000_000  # assumed for estimates
INDEXED_ROWS_PER_SECOND = 500_000  # assumed for estimates
OTHERS = "Readers and writers do not wait."


class Step(NamedTuple):
    """One step of the plan, with its reason and its locks in words."""

    title: str
    reason: str
    locks: str
    statements: Sequence[str]
    run: Callable[[], object]


class Conversion:
    """The plan for the table.

    ``since`` is the lower bound of the first partition; without it, the partition takes all events
    up to the first month of its own.
    """

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        table: EventTable,
        *,
        months_ahead: int = MONTHS_AHEAD,
        since: datetime | None = None,
        waits: LockWaits = DEFAULT,
    ) -> None:
        self._connection = connection
        self._waits = waits
        self._months_ahead = months_ahead
        self.table = table
        self.facts: TableFacts = inspect_table(connection, table)
        self.lower = since and month_of(since)
        limit = months_later(month_of(timezone.now()), months_ahead)
        newest = max(filter(None, [self.facts.newest, timezone.now() + MIN_REMAINING]))
        self.upper = months_later(month_of(min(newest, limit)))

    @property
    def first_name(self) -> str:
        """The name of the first partition."""
        if self.lower is not None:
            return partition_name(self.table, self.lower)
        return f"{self.table.name}_before_{self.upper:%Y_%m}"

    def obstacles(self) -> Iterator[str]:
        """Yield the reasons why the table cannot be converted as it is."""
        yield from self.facts.obstacles
        newest, oldest = self.facts.newest, self.facts.oldest
        if newest is not None and newest >= self.upper:
            yield (
                f"The newest event has the time {newest:%Y-%m-%d %H:%M}, which is later than the "
                f"months that are created ahead. Change or delete the events from "
                f"{self.upper:%Y-%m-%d} on."
            )
        if self.lower is not None and oldest is not None and oldest < self.lower:
            yield (
                f"The oldest event has the time {oldest:%Y-%m-%d %H:%M}, which is before the "
                f"month of --from. Give an earlier month, or prune the older events."
            )

    def months(self) -> list[TimeRange]:
        """Return the months that are created after the first partition."""
        covered = [TimeRange(self.lower, self.upper)]
        return missing_spans(covered, self._months_ahead)

    def steps(self) -> Iterator[Step]:
        """Yield the steps that remain; a conversion that was interrupted continues."""
        yield from self._key_steps()
        yield from self._check_steps()
        yield from self._foreign_key_steps()
        targets = list(dict.fromkeys(each.target for each in self.facts.foreign_keys))
        name = self.table.name
        yield Step(
            f"Make the table a partition of a new table {name}",
            "The rows stay where they are. The new table gets the name, the indexes, the foreign "
            "keys, the privileges and the next id, in one transaction.",
            self._exclusive(", ".join([name, *targets])),
            [f"ALTER TABLE {name} RENAME TO {self.first_name}", "…"],
            self._swap,
        )
        yield Step(
            f"Create the partitions of {len(self.months())} months",
            "A DEFAULT partition is not created, because PostgreSQL would then detach a partition "
            "only under an exclusive lock.",
            f"SHARE ROW EXCLUSIVE on {', '.join(targets) or 'no table'} for some milliseconds: "
            "their writers wait, readers do not.",
            [],
            partial(create_missing, self._connection, self._months_ahead, None, self._waits),
        )
        yield self._concurrent(
            "Collect statistics of the new table",
            "Autovacuum collects them for each partition, but not for the whole.",
            f"some seconds. {OTHERS}",
            f"ANALYZE {self.table}",
        )

    def _key_steps(self) -> Iterator[Step]:
        found = next((each for each in self.facts.indexes if each.name == KEY_INDEX), None)
        if found is not None and found.is_valid:
            return
        # An interrupted build leaves an index that is not valid.
        drop = [f"DROP INDEX CONCURRENTLY {self.table.sibling(KEY_INDEX)}"] if found else []
        yield self._concurrent(
            "Build the index of the new primary key",
            "The primary key of a partitioned table includes the time.",
            f"about {_seconds(self.facts.rows / INDEXED_ROWS_PER_SECOND)}, and until the "
            f"transactions that began earlier have ended. {OTHERS}",
            *drop,
            f"CREATE UNIQUE INDEX CONCURRENTLY {KEY_INDEX} ON {self.table} (id, timestamp)",
        )

    def _check_steps(self) -> Iterator[Step]:
        name = self._check_name()
        is_there = self.facts.check == name
        if not is_there:
            drop = [f"DROP CONSTRAINT {self.facts.check}"] if self.facts.check else []
            add = f"ADD CONSTRAINT {name} CHECK ({self._condition()}) NOT VALID"
            statement = f"ALTER TABLE {self.table} {', '.join([*drop, add])}"
            yield Step(
                "Restrict the times of the table to the times of its future partition",
                "Otherwise PostgreSQL would read the whole table under an exclusive lock when it "
                f"becomes a partition. Events from {self.upper:%Y-%m-%d} on are rejected until "
                "the conversion is finished.",
                self._exclusive(self.table.name),
                [statement],
                partial(self._run_briefly, statement),
            )
        if not (is_there and self.facts.is_check_valid):
            yield self._concurrent(
                "Check the times of all events",
                "The restriction above applies to new events only until it is checked.",
                f"about {_seconds(self.facts.size / BYTES_PER_SECOND)}. {OTHERS}",
                f"ALTER TABLE {self.table} VALIDATE CONSTRAINT {name}",
            )

    def _foreign_key_steps(self) -> Iterator[Step]:
        for each in self.facts.foreign_keys:
            if not each.is_valid:
                yield self._concurrent(
                    f"Check the foreign key {each.name}",
                    "The foreign keys of a partitioned table are always checked.",
                    f"about {_seconds(self.facts.size / BYTES_PER_SECOND)}. {OTHERS}",
                    f'ALTER TABLE {self.table} VALIDATE CONSTRAINT "{each.name}"',
                )

    def cancel(self) -> None:
        """Remove the restriction of times, because it would reject the events of later months."""
        if self.facts.check or inspect_table(self._connection, self.table).check:
            check = self.facts.check or self._check_name()
            self._run_briefly(f"ALTER TABLE {self.table} DROP CONSTRAINT IF EXISTS {check}")

    def _check_name(self) -> str:
        lower = "any" if self.lower is None else f"{self.lower:%Y%m%d}"
        return f"{CHECK_PREFIX}{lower}_{self.upper:%Y%m%d}"

    def _condition(self) -> str:
        upper = f"timestamp < {sql_literal(self.upper, '')}"
        if self.lower is None:
            return upper
        return f"timestamp >= {sql_literal(self.lower, '')} AND {upper}"

    def _exclusive(self, tables: str) -> str:
        return (
            f"ACCESS EXCLUSIVE on {tables} for some milliseconds. The step waits up to "
            f"{self._waits.timeout_ms} ms for each lock, and then lets readers and writers go "
            "on before it tries again."
        )

    def _concurrent(self, title: str, reason: str, locks: str, *statements: str) -> Step:
        run = partial(self._run_concurrently, *statements)
        lock = f"SHARE UPDATE EXCLUSIVE on {self.table.name} for {locks}"
        return Step(title, reason, lock, statements, run)

    def _run_concurrently(self, *statements: str) -> None:
        with self._connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def _run_briefly(self, statement: str) -> None:
        run_in_transaction(self._connection, lambda cursor: cursor.execute(statement), self._waits)

    def _swap(self) -> None:
        bounds = TimeRange(self.lower, self.upper)
        swap(self._connection, self.table, self.first_name, bounds, self._waits)


def _seconds(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 120 else f"{round(seconds / 60)} min"
