"""The texts of the command: the list of sources, and the result of an import."""

from collections.abc import Iterable

from .importing import TableImport
from .positions import stored_state
from .registry import SOURCES
from .table import SourceTable

MAX_ACTIONS = 20  # in the report of a dry run


def number_with_noun(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"


def summary(
    run: TableImport, rows: int, events: int, seconds: float, *, is_dry: bool
) -> Iterable[str]:
    """Yield the lines that say what a run has imported, and what it could not import."""
    rate = f", {rows / seconds:,.0f} rows per second" if rows and seconds else ""
    verb = "would become" if is_dry else "became"
    every, made = number_with_noun(rows, "row"), number_with_noun(events, "event")
    done = f"{run.table.name}: {every} {verb} {made}{rate}."
    if run.state.rows > rows:
        rows, events = run.state.rows, run.state.events
        every, made = number_with_noun(rows, "row"), number_with_noun(events, "event")
        done += f" All runs: {every} and {made}."
    yield done
    if is_dry:
        for action, number in run.actions.most_common(MAX_ACTIONS):
            yield f"  {number_with_noun(number, 'event')} {action}"
    for line in run.problems.lines():
        yield f"  {line}"


def listing(using: str) -> Iterable[str]:
    """Yield a line for each source and each of its tables."""
    for name, source in SOURCES.items():
        yield f"{name}: {source.package}"
        tables = source.tables(None)
        if not tables:
            yield "  no tables"
        for table in tables:
            yield f"  {table.name}: {_state(table, using)}"


def _state(table: SourceTable, using: str) -> str:
    state = stored_state(table, using)
    if state is None:
        return "not imported yet" if table.exists() else "no table"
    imported = (
        f"{number_with_noun(state.rows, 'row')} became {number_with_noun(state.events, 'event')}"
    )
    return imported if table.exists() else f"no table any more; {imported}"
