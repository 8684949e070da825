"""The backend that writes events as JSON lines through ``logging``."""

import logging
from collections.abc import Iterator, Sequence

from django.core.checks import CheckMessage, Warning  # noqa: A004 (Django's name for it)

from ...backends.base import BaseBackend
from ...error_log import report
from ...models import Log
from ...records.record import Record
from ...signals import event_logged, notifying
from .handler import LINE
from .json_lines import json_line_of


class LoggerBackend(BaseBackend):
    """Write each event as a line of JSON to a logger, instead of the database.

    ``logger``: the name of the logger. ``level``: the level of the lines.
    """

    # A line cannot be rolled back, so log() calls write() after the transaction commits.
    deferred = True

    def __init__(self, *, logger: str = "eventlog.events", level: str | int = "INFO") -> None:
        if not isinstance(logger, str) or not logger:
            raise ValueError(f"logger is {logger!r}; give the name of a logger")
        self._logger = logging.getLogger(logger)
        self._level = _checked_level(level)

    def write(self, records: Sequence[Record]) -> Sequence[Log]:
        self._write_lines(records)
        if event_logged.has_listeners(Log):
            with notifying():
                for record in records:
                    if record.is_announced:
                        event_logged.send_robust(sender=Log, event=Log.from_record(record))
        return ()  # because no event is in the database

    async def awrite(self, records: Sequence[Record]) -> Sequence[Log]:
        if event_logged.has_listeners(Log):
            return await super().awrite(records)
        self._write_lines(records)  # on the event loop, as other log calls are
        return ()

    def _write_lines(self, records: Sequence[Record]) -> None:
        if not self._logger.isEnabledFor(self._level):
            report("writing lines", RuntimeError(self._ignored()))
            return
        for record in records:
            self._logger.log(self._level, "%s", json_line_of(record), extra={LINE: True})

    def _ignored(self) -> str:
        level = logging.getLevelName(self._level)
        return f"the logger {self._logger.name!r} ignores the level {level}"

    def check(self) -> list[CheckMessage]:
        name, level = self._logger.name, logging.getLevelName(self._level)
        if not self._logger.isEnabledFor(self._level):
            problem = self._ignored()
        elif not any(handler.level <= self._level for handler in _handlers(self._logger)):
            problem = f"no handler of the logger {name!r} takes the level {level}"
        else:
            return []
        return [
            Warning(
                f"Events are lost, because {problem}.",
                hint=f"Add a handler for {name!r} to LOGGING, and set the levels of the logger and "
                f"the handler to {level}.",
                id="eventlog.W041",
            )
        ]


def _handlers(logger: logging.Logger | None) -> Iterator[logging.Handler]:
    """Yield the handlers that get the log records of a logger."""
    while logger is not None:
        yield from logger.handlers
        logger = logger.parent if logger.propagate else None


def _checked_level(level: str | int) -> int:
    levels = logging.getLevelNamesMapping()
    if isinstance(level, str) and level in levels:
        return levels[level]
    if isinstance(level, int) and not isinstance(level, bool) and level > 0:
        return level
    raise ValueError(f"level is {level!r}; use one of: {', '.join(levels)}")
