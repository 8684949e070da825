"""``context()`` and ``annotate()``: what code says about its events."""

import os
import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import cache
from json import loads
from types import TracebackType
from typing import Any

from django.http import HttpRequest
from python_ipware.modern.parsers import parse_ip

from ..conf import conf
from ..records.arguments import MAX_TEXT_LENGTH, user_key_and_name
from ..records.encoding import encode
from ..records.redaction import redact
from ..text import MAX_IP_LENGTH, MAX_REASON_LENGTH, cut, sanitize
from ..threads import off_loop
from .client_ip import anonymized
from .context import BlockContext, current_context
from .given import Given, User, give

_PROGRAMS = ("manage.py", "django-admin", "django-admin.py", "__main__.py")


class Block(AbstractContextManager[None], AbstractAsyncContextManager[None]):
    """The block that ``context()`` returns, for ``with`` and ``async with``."""

    def __init__(self, given: Given) -> None:
        self._given = given

    def __enter__(self) -> None:
        before = current_context.get()
        given = self._given
        if before is None and (command := _command()):
            given = given.over(Given({"command": command}))
        current_context.set(BlockContext(before, given, self))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # The context itself knows what was before, because threads and tasks may share a block.
        context = current_context.get()
        while isinstance(context, BlockContext) and context.block is not self:
            context = context.outer  # an inner block, such as a generator's, which has not ended
        if isinstance(context, BlockContext):
            current_context.set(context.outer)

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)


def context(
    *,
    user: Any = None,
    acting_user: Any = None,
    ip: str | None = None,
    reason: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Block:
    """Return a block whose events all have these values: ``with eventlog.context(user=anna):``.

    Use it in code without a request, such as management commands, tasks and consumers, or to
    add values inside a request. Blocks can be nested; the inner values take precedence. ``user``
    is the user of events that are logged with ``user=None``. ``acting_user`` is the person who
    acts on behalf of ``user``. ``extra`` is merged into the events' ``extra``. A block in a
    management command also records the command's name.

    Raises ``TypeError`` or ``ValueError`` with the name of an invalid argument.
    """
    return Block(_given(acting_user, reason, extra, user=user, ip=ip))


def annotate(
    request: HttpRequest,
    *,
    acting_user: Any = None,
    reason: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Add values to the event of ``request`` and to all events logged during it.

    See ``context()`` for the arguments and the errors.
    """
    request = getattr(request, "_request", request)
    if not hasattr(request, "META"):
        raise TypeError(f"request is {request!r:.100}; pass an HttpRequest")
    give(request, _given(acting_user, reason, extra))


def _given(
    acting_user: Any,
    reason: str | None,
    extra: Mapping[str, Any] | None,
    user: Any = None,
    ip: str | None = None,
) -> Given:
    facts: dict[str, Any] = {}
    if ip is not None:
        facts["ip"] = _checked_ip(ip)
    if acting_user is not None:
        key, name = _user(acting_user, "acting_user")
        if name:
            facts |= {"acting_user": name}
            facts |= {} if key is None else {"acting_user_id": str(key)}
    if reason is not None:
        facts["reason"] = checked_reason(reason)
    return Given(facts, _checked_extra(extra), None if user is None else _user(user, "user"))


def _user(user: Any, argument: str) -> User:
    try:
        return off_loop(lambda: user_key_and_name(user))
    except TypeError as error:
        raise TypeError(str(error).replace("user is", f"{argument} is", 1)) from error


def _checked_ip(ip: Any) -> str:
    address = parse_ip(str(ip).strip())
    if address is None or len(str(address)) > MAX_IP_LENGTH:
        raise ValueError(
            f"ip is {ip!r:.100}, which is not an address; give one such as '203.0.113.7'"
        )
    return anonymized(address) if conf.anonymize_ip else str(address)


def checked_reason(reason: Any) -> str:
    """Return a reason with its secrets masked. Raise ``TypeError`` if it is not text."""
    if not isinstance(reason, str):
        raise TypeError(f"reason is {reason!r:.100} ({type(reason).__name__}); give a str")
    masked: str = redact({"reason": reason})["reason"]
    return cut(sanitize(masked, MAX_REASON_LENGTH + 1), MAX_REASON_LENGTH)


def _checked_extra(extra: Any) -> Mapping[str, Any]:
    if extra is None:
        return {}
    if not isinstance(extra, Mapping):
        raise TypeError(f"extra is {extra!r:.100} ({type(extra).__name__}); give a dict")
    # As JSON, because the headers of a task carry it, and so that an error is raised here.
    text = encode(redact(dict(extra)))
    if len(text) > conf.max_extra_bytes:
        raise ValueError(
            f"extra has {len(text):,} bytes as JSON, and EVENTLOG['MAX_EXTRA_BYTES'] allows "
            f"{conf.max_extra_bytes:,}; keep the data elsewhere and give its key"
        )
    values: dict[str, Any] = loads(text)
    return values


@cache
def _command() -> str:
    """Return the name of the management command that this process runs; empty if none."""
    program, *arguments = sys.argv or [""]
    if os.path.basename(program) not in _PROGRAMS or not arguments:
        return ""
    return "" if arguments[0].startswith("-") else sanitize(arguments[0], MAX_TEXT_LENGTH)
