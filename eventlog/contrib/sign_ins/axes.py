"""Lockouts of django-axes."""

from collections.abc import Iterable, Mapping
from typing import Any

from axes.signals import user_locked_out

from .recording import actor, record, reporting_errors
from .tried_names import masked_name
from .watched_views import Handler

VIEWS: Mapping[str, Handler] = {}


@reporting_errors
def locked_out(username: Any = None, request: Any = None, **kwargs: Any) -> None:
    extra = {"username": masked_name(str(username))} if username else {}
    record("locked_out", user=actor(request), extra=extra, request=request)


def receivers() -> Iterable[tuple[Any, Any, Any]]:
    """Return (signal, receiver, sender) of each connection."""
    return [(user_locked_out, locked_out, None)]
