"""The user of an automatic event, such as the change of a tracked model."""

from typing import Any

from django.core.exceptions import SynchronousOnlyOperation
from django.http import HttpRequest

from ..conf import conf
from ..error_log import report
from ..records.user_state import ANONYMOUS, ANONYMOUS_USER, UNKNOWN, UNKNOWN_USER
from .context import context_of, current_context
from .load_user import load_user
from .user import has_session_cookie, user_and_state


def current_user(request: Any = None) -> Any:
    """Return the user of ``request``, by default of the current request, to pass to ``log()``.

    Return a ``NoUser`` if the request has no known user. Return None outside requests, and if the
    context gives a user, which ``log()`` finds. With ``LOAD_USER``, the first call in sync code
    loads the user.
    """
    context = current_context.get() if request is None else context_of(request)
    if context is None or context.request is None:
        return None
    user, state = user_and_state(context.request)
    if user is not None:
        return user
    if context.given.user is not None:
        return None
    if state == UNKNOWN and conf.load_user and has_session_cookie(context.request):
        return _loaded_user(context.request)
    return ANONYMOUS_USER if state == ANONYMOUS else UNKNOWN_USER


def _loaded_user(request: HttpRequest) -> Any:
    try:
        return load_user(request) or ANONYMOUS_USER
    except SynchronousOnlyOperation:  # on the event loop; the event of the request tries again
        return UNKNOWN_USER
    except Exception as error:  # noqa: BLE001 (sessions and backends may raise anything)
        report("loading the user of a request", error)
        return UNKNOWN_USER
