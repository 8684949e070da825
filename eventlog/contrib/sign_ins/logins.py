"""Logins, logouts and failed logins, from the signals of Django."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.apps import apps
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed

from .recording import actor, record, reporting_errors
from .tried_names import tried_name
from .watched_views import is_hijack


@reporting_errors
def logged_in(user: Any, request: Any = None, **kwargs: Any) -> None:
    # eventlog.contrib.hijack records a hijack, which logs the account in.
    if not (is_hijack(request) and apps.is_installed("eventlog.contrib.hijack")):
        record("logged_in", user=user, request=request)


@reporting_errors
def logged_out(user: Any, request: Any = None, **kwargs: Any) -> None:
    # Django sends the signal with None if a visitor without a login opens the logout page.
    if user is not None:
        record("logged_out", user=user, request=request)


@reporting_errors
def login_failed(credentials: Mapping[str, Any], request: Any = None, **kwargs: Any) -> None:
    name = tried_name(credentials)
    extra = {} if name is None else {"username": name}
    record("login_failed", user=actor(request), extra=extra, request=request)


def receivers() -> Iterable[tuple[Any, Any, Any]]:
    """Return (signal, receiver, sender) of each connection."""
    return [
        (user_logged_in, logged_in, None),
        (user_logged_out, logged_out, None),
        (user_login_failed, login_failed, None),
    ]
