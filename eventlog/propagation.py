"""The origin of events follows from a request into the Celery tasks that it starts.

``connect()`` is called where Celery is in use. The headers of a task carry the facts of the
request and its user, so that ``log()`` in the task knows where it came from, and by whom.
"""

from typing import Any

from celery.signals import before_task_publish, task_postrun, task_prerun

from .conf import conf
from .context import DistantOrigin, current_origin
from .metadata import known_user
from .records import user_parts
from .reporting import report

HEADER = "eventlog_origin"


def connect() -> None:
    """Carry origins with every task of this process, and take them up in every worker."""
    before_task_publish.connect(_pack, dispatch_uid=HEADER)
    task_prerun.connect(_unpack, dispatch_uid=HEADER)
    task_postrun.connect(_leave, dispatch_uid=HEADER)


def _pack(headers: Any = None, **kwargs: Any) -> None:
    conf.follow()
    origin = current_origin.get()
    if origin is None or not conf.enrich or not isinstance(headers, dict):
        return
    try:
        user = origin.user or user_parts(known_user(origin.request))
        headers[HEADER] = {"facts": origin.facts(), "user": user}
    except Exception as error:  # noqa: BLE001 (the task is sent all the same)
        report("carrying the origin of a task", error)


def _unpack(task: Any = None, **kwargs: Any) -> None:
    carried = getattr(task.request, HEADER, None)
    if carried is None:  # what a worker runs eagerly keeps the origin that it is in
        return
    try:
        user_id, user_repr = carried["user"]
        origin = DistantOrigin(dict(carried["facts"]), (user_id, user_repr))
    except (KeyError, TypeError, ValueError) as error:
        report("taking up the origin of a task", error)
        return
    current_origin.set(origin)


def _leave(task: Any = None, **kwargs: Any) -> None:
    if getattr(task.request, HEADER, None) is not None:
        current_origin.set(None)
