"""Events about the event log itself: who viewed, exported, imported or removed events."""

import getpass
import os
import socket
from collections.abc import Iterator, Mapping, Sized
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import timedelta
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple, Self, TypeVar

from django.db import connections, models, router, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.module_loading import import_string

from .api import log
from .backends.capture import are_events_recorded
from .conf import Conf, conf
from .error_log import report
from .metadata.annotations import Block, checked_reason
from .metadata.given import Given
from .models import Log
from .text import MAX_PATH_LENGTH, cut

Chunk = TypeVar("Chunk", bound=Sized)

# The action of each kind in EVENTLOG["ACCESS"].
ACTIONS: Mapping[str, str] = {
    "view": "EVENTLOG_VIEWED",
    "export": "EVENTLOG_EXPORTED",
    "delete": "EVENTLOG_DELETED",
    "prune": "EVENTLOG_PRUNED",
    "erase": "EVENTLOG_ERASED",
    "retry": "EVENTLOG_RETRIED",
    "import": "EVENTLOG_IMPORTED",
}
# Long operations have an event at their start too, which tells of those that were killed.
STARTED: Mapping[str, str] = {
    "export": "EVENTLOG_EXPORT_STARTED",
    "prune": "EVENTLOG_PRUNE_STARTED",
    "erase": "EVENTLOG_ERASE_STARTED",
    "import": "EVENTLOG_IMPORT_STARTED",
}
NO_EXTRA: Mapping[str, Any] = {}
VIEW_INTERVAL = timedelta(minutes=15)  # between two recorded views of one person
SESSION_KEY = "eventlog_viewed"  # (key of the user, seconds since 1970)
MAX_READ_VIEWS = 100  # newest views of the interval that a command reads


class CommandRun(NamedTuple):
    """A management command, and what its caller says about the run."""

    name: str
    operator: str = ""
    """The person, if the user of the operating system is another one, such as a job's."""
    reason: str = ""

    def who(self) -> dict[str, str]:
        """Return who runs the command."""
        return {**operator_facts(), **({"operator": self.operator} if self.operator else {})}

    def block(self) -> AbstractContextManager[None]:
        """Return a context that adds the name and the reason, which the search finds as facts."""
        reason = {"reason": checked_reason(self.reason)} if self.reason else {}
        return Block(Given({"command": self.name, **reason}))


def is_enabled(kind: str) -> bool:
    """Return whether ``EVENTLOG["ACCESS"]`` enables the events of this kind."""
    return are_events_recorded() and bool(conf.access.get(kind, Conf.access.default[kind]))


def record(
    action: str,
    user: Any = None,
    extra: Mapping[str, Any] = NO_EXTRA,
    obj: models.Model | None = None,
    request: HttpRequest | None = None,
    command: CommandRun | None = None,
) -> None:
    """Log an event. A failure is reported, and affects neither the page nor the transaction.

    ``command`` is the management command, whose operator is recorded.
    """
    who = command.who() if command else {}
    try:
        with _savepoint(router.db_for_write(Log)), command.block() if command else nullcontext():
            log(user, action, {**who, **extra}, obj, request=request)
    except Exception as error:  # noqa: BLE001 (the site's database, backend or model may raise any)
        report(f"recording {action}", error)


def _savepoint(using: str) -> AbstractContextManager[None]:
    """Return a savepoint inside a transaction, because an error may abort the transaction."""
    is_inside = connections[using].in_atomic_block
    return transaction.atomic(using=using) if is_inside else nullcontext()


class RecordedOperation:
    """An export, import or removal of events, as a context manager that records its end.

    The event at the end tells the number of events, and whether the operation is complete. It is
    incomplete if an exception, Ctrl-C or a cancelled download ended it.
    """

    def __init__(
        self,
        kind: str,
        extra: Mapping[str, Any],
        *,
        user: Any = None,
        obj: models.Model | None = None,
        request: HttpRequest | None = None,
        command: CommandRun | None = None,
    ) -> None:
        self.count = 0
        self.outcome: dict[str, Any] = {}  # more that the event at the end tells
        self._kind = kind
        self._extra = extra
        self._record = partial(record, user=user, obj=obj, request=request, command=command)
        self._is_started = not is_enabled(kind)

    def start(self) -> None:
        """Record the start, at the first call. Call this before events are sent or changed."""
        if not self._is_started:
            self._is_started = True
            self._record(STARTED[self._kind], extra=self._extra)

    def counted(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        """Yield the chunks of events, and count the events.

        The start is recorded when the first chunk has been read, so that it is not in the file.
        """
        for chunk in chunks:
            self.start()
            self.count += len(chunk)
            yield chunk
            del chunk  # so that exported events are freed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if is_enabled(self._kind):
            outcome = {"count": self.count, **self.outcome, "complete": error is None}
            self._record(ACTIONS[self._kind], extra={**self._extra, **outcome})


# Views


def record_view(request: HttpRequest, response: HttpResponseBase, page: str, search: str) -> None:
    """Record that a person has seen a page of the log, once in each ``VIEW_INTERVAL``."""
    is_seen = request.method == "GET" and response.status_code == 200
    if is_seen and is_enabled("view") and _is_first_view(request):
        extra = {"page": page, "search": shortened_search(search)}
        record(ACTIONS["view"], request.user, extra, request=request)


def _is_first_view(request: HttpRequest) -> bool:
    """Return whether the session has no view of this interval yet, and keep the time if so.

    All processes share the session, and the admin has loaded it already.
    """
    session: Any = getattr(request, "session", {})
    person, now = str(request.user.pk), timezone.now().timestamp()
    known = session.get(SESSION_KEY)
    if known and known[0] == person and now - known[1] < VIEW_INTERVAL.total_seconds():
        return False
    session[SESSION_KEY] = [person, now]
    return True


def record_command_view(command: str, search: str) -> None:
    """Record that a command prints events, once per person and ``VIEW_INTERVAL``."""
    if not is_enabled("view"):
        return
    who = {**operator_facts(), "command": command}
    views = Log.objects.action(ACTIONS["view"]).since(VIEW_INTERVAL).filter(user=None)
    # By its dotted path, because most code that records an access does not load the pages.
    reader = import_string("eventlog.review.reader.reader")
    extras = [event.extra for event in reader(views, ()).page(size=MAX_READ_VIEWS).events]
    if not any(who.items() <= extra.items() for extra in extras if isinstance(extra, dict)):
        record(
            ACTIONS["view"], extra={"search": shortened_search(search)}, command=CommandRun(command)
        )


# What the events contain


def operator_facts() -> dict[str, str]:
    """Return who runs a command: the account of the operating system, and the host."""
    who = {"os_user": _os_user(), "host": socket.gethostname()}
    # sudo sets the name of the person who called it.
    sudo_user = os.environ.get("SUDO_USER", "")
    return {**who, "sudo_user": sudo_user} if sudo_user else who


def _os_user() -> str:
    # Not getpass.getuser() where there is another way, because it trusts the environment.
    with suppress(ImportError, KeyError):  # Windows; a container's user without a name
        return str(import_module("pwd").getpwuid(os.getuid()).pw_name)
    return str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()


def shortened_search(search: str) -> str:
    """Return the text of a search, cut to the length of a path."""
    return cut(search, MAX_PATH_LENGTH)
