"""The handler that turns log records into events.

Django configures logging before it loads apps, so this module imports no models.
"""

import logging
from contextvars import ContextVar
from importlib import import_module
from typing import Literal, get_args

from django.apps import apps

from ...error_log import report
from ...signals import is_notifying
from . import early

Durability = Literal["transaction", "commit", "always"]  # as in api.py, which imports models

LINE = "eventlog_line"  # an attribute of log records that contain an event
MAX_ACTION_LENGTH = 255
OWN_THREADS = "eventlog"  # the beginning of the names of threads that deliver events
# Celery and Django's tasks log the names of the tasks that write events.
OWN_TASKS = ("eventlog.write_batch", "eventlog.backends.tasks.write_batch")
# Loggers of the writing itself.
IGNORED = ("eventlog", "django.db")
_IGNORED_CHILDREN = tuple(f"{name}." for name in IGNORED)

_depth: ContextVar[int] = ContextVar("eventlog_handler_depth", default=0)


class EventLogHandler(logging.Handler):
    """Turns log records of ``logging`` into events. Name it as ``class`` in ``LOGGING``.

    A log record becomes an event if its ``extra`` names an action as ``event``::

        logger.info("%s is paid", order, extra={"event": "ORDER_PAID", "user": user, "obj": order})

    Other log records are ignored. If ``default_action`` is set, they get this action from the level
    INFO on. It may contain ``{level}``. ``durability`` is the same as for ``log()``.
    """

    def __init__(
        self,
        level: int | str = logging.NOTSET,
        *,
        default_action: str | None = None,
        durability: Durability = "transaction",
    ) -> None:
        super().__init__(level)
        if durability not in get_args(Durability):
            choices = ", ".join(get_args(Durability))
            raise ValueError(f"durability is {durability!r}; use one of: {choices}")
        self._default_action = _checked_action(default_action)
        self._durability = durability

    def createLock(self) -> None:  # noqa: N802 (a method of logging.Handler)
        """Do without the lock of a handler.

        A thread would hold the lock while its INSERT waits for the transaction of another thread,
        which could not log, and so not commit, until the database gives up.
        """
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        """Like ``logging.Handler.handle()``, without a lock."""
        passed = self.filter(record)
        if passed:  # A filter may return another log record from Python 3.12 on.
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return bool(passed)

    def emit(self, record: logging.LogRecord) -> None:
        """Log the event of the log record. Errors are handled as ``logging`` does."""
        try:
            action = self._action_of(record)
            if action is None:
                return
            if apps.ready:
                early.write_held()
                self._write(record, action)
            else:
                early.hold(self, record)
        except Exception:  # noqa: BLE001 (values in the log record may raise anything)
            self.handleError(record)

    def _action_of(self, record: logging.LogRecord) -> str | None:
        """Return the action of a log record; None for one that does not become an event."""
        name = record.name or ""  # None in a log record that is made of a dict without a name
        if name in IGNORED or name.startswith(_IGNORED_CHILDREN) or hasattr(record, LINE):
            return None
        action: str | None = getattr(record, "event", None)
        if action is not None or self._default_action is None or _is_about_writing(record):
            return action
        return self._default_action.format(level=record.levelname)

    def _write(self, record: logging.LogRecord, action: str) -> None:
        depth = _depth.get()
        # A receiver of event_logged may log an event, which has no receivers.
        if depth and not (depth == 1 and is_notifying()):
            error = RuntimeError(f"{action!r} was logged while another event was written")
            report("logging the event of a log record", error)
            return
        token = _depth.set(depth + 1)
        try:
            import_module(".conversion", __package__).write_event(record, action, self._durability)
        finally:
            _depth.reset(token)


def _is_about_writing(record: logging.LogRecord) -> bool:
    """Return whether the event of the log record could lead to another one like it."""
    return (
        # At DEBUG, the libraries of brokers and databases log each step.
        record.levelno < logging.INFO
        or _depth.get() > 0
        or (record.threadName or "").startswith(OWN_THREADS)
        or any(name in record.getMessage() for name in OWN_TASKS)
    )


def _checked_action(action: str | None) -> str | None:
    if action is None:
        return None
    if not isinstance(action, str):
        raise ValueError(f"default_action is {action!r}; give a name such as 'LOG_{{level}}'")
    try:
        example = action.format(level="WARNING")
    except (LookupError, ValueError, AttributeError) as error:
        raise ValueError(
            f"default_action is {action!r}, which cannot be formatted: {error!r}; "
            f"it may contain {{level}} only"
        ) from error
    if not example.strip() or len(example) > MAX_ACTION_LENGTH:
        raise ValueError(
            f"default_action is {action!r:.300}; give a name of 1 to {MAX_ACTION_LENGTH} characters"
        )
    return action
