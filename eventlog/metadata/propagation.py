"""The context of a request, propagated to the Celery tasks that it starts.

The headers of a task carry the facts of the request and its user, so that ``log()`` in the task can
record them.
"""

from typing import Any

from celery.signals import before_task_publish, task_postrun, task_prerun

from ..backends.capture import are_events_recorded
from ..conf import conf
from ..error_log import report
from ..records.arguments import user_key_and_name
from ..threads import off_loop
from . import known_user
from .context import Context, PropagatedContext, current_context
from .given import Given, User

HEADER = "eventlog_context"


def connect() -> None:
    """Connect the handlers that inject and extract the context."""
    before_task_publish.connect(inject, dispatch_uid=HEADER)
    task_prerun.connect(extract, dispatch_uid=HEADER)
    task_postrun.connect(detach, dispatch_uid=HEADER)


def inject(headers: Any = None, **kwargs: Any) -> None:
    """Add the current context to the headers of a task that is being published."""
    context = current_context.get()
    if context is None or not are_events_recorded() or not isinstance(headers, dict):
        return
    try:
        said = off_loop(lambda: context.given)  # The user of a consumer may need a query.
        facts = context.facts() if conf.enrich else said.facts
        given = {"facts": facts, "extra": said.extra, "user": said.user or _user_of(context)}
        if any(given.values()):
            headers[HEADER] = given
    except Exception as error:  # noqa: BLE001 (the task must be sent anyway)
        report("adding the request context to a task", error)


def _user_of(context: Context) -> User | None:
    """Return the user of the request."""
    request = context.request
    if request is None or not conf.enrich:
        return None
    user = off_loop(lambda: user_key_and_name(known_user(request)))
    return user if user[1] else None


def extract(task: Any = None, **kwargs: Any) -> None:
    """Make the context in the headers of a task the current one."""
    carried = getattr(task.request, HEADER, None)
    if (
        carried is None or not are_events_recorded()
    ):  # A task that is run eagerly keeps the caller's context.
        return
    try:
        user = carried["user"]
        if user is not None:
            key, name = user
            user = (key, name)
        context = PropagatedContext(
            Given(dict(carried["facts"]), dict(carried.get("extra") or {}), user)
        )
    except (KeyError, TypeError, ValueError) as error:
        report("reading the request context of a task", error)
        return
    current_context.set(context)


def detach(task: Any = None, **kwargs: Any) -> None:
    """Drop the context of a task that has ended."""
    if getattr(task.request, HEADER, None) is not None:
        current_context.set(None)
