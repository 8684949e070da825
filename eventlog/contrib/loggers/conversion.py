"""The conversion of a log record to an event. Imported when the apps are ready."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import partial
from traceback import format_exception
from typing import Any

from django.db import connections, router, transaction
from django.db.models import Model

from ...api import Durability, log
from ...backends import get_backend
from ...backends.capture import are_events_recorded
from ...conf import conf
from ...error_log import report
from ...metadata.context import BlockContext, current_context
from ...metadata.current_user import current_user
from ...metadata.given import Given
from ...models import Log
from ...records.encoding import encode_within
from ...records.plain import plain_value
from ...records.redaction import mask_and_cut, named_masker, redact
from ...text import CUT
from ...threads import in_thread, is_on_loop, off_loop

MAX_MESSAGE_LENGTH = 4096  # characters
MAX_TRACEBACK_LENGTH = 8192

# The attributes of a log record that are not from ``extra``; some exist in newer Pythons only.
_ATTRIBUTES = frozenset(
    [*vars(logging.LogRecord("", 0, "", 0, "", (), None)), "asctime", "message", "taskName"]
)


def write_event(record: logging.LogRecord, action: str, durability: Durability) -> None:
    """Log the event of a log record.

    Raise ``TypeError`` or ``ValueError`` for an invalid action or object. Errors of the database
    are reported.
    """
    if not are_events_recorded():
        return
    call = partial(_write, record, action, durability)
    # A log call cannot be awaited, and Django refuses queries on the event loop.
    in_thread(call) if is_on_loop() and not get_backend().deferred else off_loop(call)


def _write(record: logging.LogRecord, action: str, durability: Durability) -> None:
    given = {
        name: value
        for name, value in vars(record).items()
        if name not in _ATTRIBUTES and name != "event"
    }
    request = given.pop("request") if hasattr(given.get("request"), "META") else None
    user = _pop_user(given) if "user" in given else current_user(request)
    obj = given.pop("obj") if isinstance(given.get("obj"), Model) else None
    extra = {
        "level": record.levelname,
        "logger": record.name,
        "message": mask_and_cut(redact, _message(record), MAX_MESSAGE_LENGTH),
        **_traceback(record),
        **{name: plain_value(value) for name, value in given.items()},
    }
    fitting = json.loads(encode_within(extra, conf.max_extra_bytes))
    moment = datetime.fromtimestamp(record.created, UTC)
    try:
        with _savepoint(durability), _exception_fact(record):
            log(user, action, fitting, obj, moment, request=request, durability=durability)
    except (TypeError, ValueError):
        raise
    except Exception as error:  # noqa: BLE001 (the site's database or backend may raise any error)
        report("logging the event of a log record", error)


def _message(record: logging.LogRecord) -> str:
    """Return the message. Its arguments are masked by their names, which it may not contain."""
    if isinstance(record.args, Mapping):
        mask = named_masker()
        with suppress(Exception):  # such as TypeError for the mask as a %d
            return str(record.msg) % {
                name: mask(name, value) if isinstance(value, str) else value
                for name, value in record.args.items()
            }
    return record.getMessage()


def _pop_user(given: dict[str, Any]) -> Any:
    """Remove and return the user; None for a name, which stays."""
    user = given["user"]
    if user is None or hasattr(user, "is_authenticated"):
        del given["user"]
        return user
    return None


def _savepoint(durability: Durability) -> AbstractContextManager[None]:
    """Return a savepoint, if a failure of the event could break the caller's transaction."""
    using = router.db_for_write(Log)
    may_break = durability == "transaction" and not get_backend().deferred
    if may_break and connections[using].in_atomic_block:
        return transaction.atomic(using=using)
    return nullcontext()


@contextmanager
def _exception_fact(record: logging.LogRecord) -> Iterator[None]:
    """Make the class name of the exception a fact of the event, which ``exception:`` finds."""
    error = _exception_of(record)
    if error is None or "exception" not in conf.fields:
        yield
        return
    given = Given({"exception": type(error).__name__})
    token = current_context.set(BlockContext(current_context.get(), given))
    try:
        yield
    finally:
        current_context.reset(token)


def _exception_of(record: logging.LogRecord) -> BaseException | None:
    return record.exc_info[1] if record.exc_info else None


def _traceback(record: logging.LogRecord) -> dict[str, str]:
    """Return the traceback, or the end of a long one."""
    error = _exception_of(record)
    # A handler that passes log records to another process leaves only the text.
    text = "".join(format_exception(error)) if error is not None else record.exc_text
    if not text:
        return {}
    masked: str = redact(text[-2 * MAX_TRACEBACK_LENGTH :].strip())
    if len(masked) > MAX_TRACEBACK_LENGTH:
        masked = CUT + masked[1 - MAX_TRACEBACK_LENGTH :]
    return {"traceback": masked}
