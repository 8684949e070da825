"""Loading the user of a request for ``EVENTLOG["LOAD_USER"]``, without a trace in the response."""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    get_user_model,
    load_backend,
)
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from ..conf import conf
from ..records.user_state import ANONYMOUS_USER
from .user import known_session, remember_session, remember_user


def load_user(request: HttpRequest) -> Any:
    """Return the user of the request's session; None if no user is logged in.

    Costs a query for the session, unless it is in a cache or a cookie, and a query for the user.
    ``user_and_state()`` knows the user afterwards. The session of the request stays untouched, so
    the response gets no ``Vary: Cookie``.
    """
    user = _user_of_session(request)
    remember_user(request, ANONYMOUS_USER if user is None else user)
    return user


def _user_of_session(request: HttpRequest) -> Any:
    session = _session_of(request)
    if session is None:
        return None
    key = session.get(SESSION_KEY)
    remember_session(request, session)  # It has been read, so looking at it again never fails.
    if key is None:
        return None
    path = session.get(BACKEND_SESSION_KEY)
    if path is None or path not in settings.AUTHENTICATION_BACKENDS:
        return None
    backend: Any = load_backend(path)
    user = backend.get_user(get_user_model()._meta.pk.to_python(key))
    return user if user is not None and _has_hash_of(user, session) else None


def _session_of(request: HttpRequest) -> SessionBase | None:
    if (session := known_session(request)) is not None:
        return session
    key = request.COOKIES.get(conf.session_cookie_name)
    if not key:
        return None
    store: type[SessionBase] = import_module(settings.SESSION_ENGINE).SessionStore
    return store(key)


def _has_hash_of(user: Any, session: SessionBase) -> bool:
    """Return whether the session was begun with the user's current password.

    ``django.contrib.auth.get_user()`` does the same check, but it also changes the session.
    """
    if not hasattr(user, "get_session_auth_hash"):
        return True
    found = session.get(HASH_SESSION_KEY) or ""
    hashes = [user.get_session_auth_hash()]
    if hasattr(user, "get_session_auth_fallback_hash"):
        hashes += user.get_session_auth_fallback_hash()
    return any(constant_time_compare(found, each) for each in hashes)
