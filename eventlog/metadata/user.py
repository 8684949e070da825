"""Who sent a request, without asking anybody who was not asked already."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import LazyObject

# Where AuthenticationMiddleware keeps the user once somebody looked, for request.user and auser().
# They outlast logout(), which replaces request.user: the one who logged out is still the one who
# sent the request.
_CACHES = ("user", "_cached_user", "_acached_user")


def known_user(request: HttpRequest) -> Any:
    """The authenticated user of ``request`` if the site has loaded one, else None.

    Loading it here would cost a query on pages that need none, raise in async code, and mark the
    session as read, which adds ``Vary: Cookie`` to the response.
    """
    cached = vars(request)
    for name in _CACHES:
        if (user := cached.get(name)) is None:
            continue
        if isinstance(user, LazyObject):
            # Past its own way, which would load the user. Before that, this is a mark of Django's.
            user = object.__getattribute__(user, "_wrapped")
        if getattr(user, "is_authenticated", False):
            return user
    return None
