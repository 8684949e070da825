"""The user of a request, as far as the site has loaded one."""

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils.functional import LazyObject, empty

from ..conf import conf
from ..records.user_state import ANONYMOUS, KNOWN, UNKNOWN

# AuthenticationMiddleware caches the user here for request.user and request.auser(). The caches
# outlast logout(), which replaces request.user, so a logout is still recorded with its user.
# django-ninja puts the result of an operation's authentication into request.auth, REST framework
# puts a token there.
# remember_user() puts the user there that LOAD_USER has found.
_LOADED_USER = "eventlog_user"
_CACHES = ("auth", "user", "_cached_user", "_acached_user", _LOADED_USER)

_LOADED_SESSION = "eventlog_session"  # of a request whose session LOAD_USER has read


def known_user(request: HttpRequest) -> Any:
    """Return the authenticated user of ``request`` if the site has loaded it, else None.

    Loading the user here would cost a query on pages that need none, raise in async code, and mark
    the session as read, which adds ``Vary: Cookie`` to the response.
    """
    return _authenticated(_loaded(request))


def _authenticated(users: list[Any]) -> Any:
    for user in users:
        if user.is_authenticated:
            return user
    return None


def _loaded(request: HttpRequest) -> list[Any]:
    """Return the users that the site has loaded, anonymous ones included."""
    cached = request.__dict__
    found: list[Any] = []
    for name in _CACHES:
        if (user := cached.get(name)) is None:
            continue
        if isinstance(user, LazyObject):
            # Bypass `__getattribute__`, which would load the user. Until it is loaded, `_wrapped`
            # is Django's `empty` sentinel.
            user = object.__getattribute__(user, "_wrapped")
        if user is empty or not hasattr(user, "is_authenticated"):
            continue
        if name != "auth" or hasattr(user, "pk"):
            found.append(user)
    return found


def user_and_state(request: HttpRequest) -> tuple[Any, int]:
    """Return the user of ``known_user()``, and the ``UserState`` of the request."""
    loaded = _loaded(request)
    if (user := _authenticated(loaded)) is not None:
        return user, KNOWN
    return None, ANONYMOUS if loaded else _state_without_user(request)


def _state_without_user(request: HttpRequest) -> int:
    if "HTTP_AUTHORIZATION" in request.META:
        return UNKNOWN
    if not has_session_cookie(request):
        return ANONYMOUS
    session = known_session(request)
    try:
        has_login = session is None or SESSION_KEY in session
    except Exception:  # noqa: BLE001 (the site has read a session that could not be loaded)
        return UNKNOWN
    return UNKNOWN if has_login else ANONYMOUS


def known_session(request: HttpRequest) -> SessionBase | None:
    """Return the session of ``request`` if the site or ``LOAD_USER`` has read it, else None.

    Reading a session that the site has read changes neither the response nor the queries.
    """
    session: SessionBase | None = getattr(request, "session", None)
    if getattr(session, "accessed", False):  # A site may put something else there.
        return session
    return vars(request).get(_LOADED_SESSION)


def remember_session(request: HttpRequest, session: SessionBase) -> None:
    """Make ``session`` the known session of ``request``, without a trace in the response."""
    vars(request)[_LOADED_SESSION] = session


def remember_user(request: HttpRequest, user: Any) -> None:
    """Make ``user`` a loaded user of ``request``, without a trace in the response."""
    vars(request)[_LOADED_USER] = user


def has_session_cookie(request: HttpRequest) -> bool:
    """Return whether the request has the cookie of a session."""
    name = conf.session_cookie_name
    # The header is searched first, because Django parses all cookies at the first use.
    return name in request.META.get("HTTP_COOKIE", "") and name in request.COOKIES
