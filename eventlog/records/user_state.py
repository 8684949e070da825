"""The state of the user of an event."""

from django.db.models import IntegerChoices
from django.utils.translation import gettext_lazy as _


class UserState(IntegerChoices):
    """The states of an event's user. The state is None if ``log()`` got no user."""

    KNOWN = 1, _("known")
    """A user was logged in. The event no longer has the name if the person was erased."""
    ANONYMOUS = 2, _("anonymous")
    """No user was logged in."""
    UNKNOWN = 3, _("not known")
    """The request had a session or credentials, but the site did not load its user."""


# Plain integers, because members of an enumeration take longer to look up (benchmarks.cost).
KNOWN, ANONYMOUS, UNKNOWN = (int(state) for state in UserState)


class NoUser:
    """Takes the place of a user of whom only the state is known."""

    is_authenticated = False

    def __init__(self, state: int) -> None:
        self.state = state


ANONYMOUS_USER, UNKNOWN_USER = NoUser(ANONYMOUS), NoUser(UNKNOWN)


def state_of(user: object, name: str) -> int | None:
    """Return the state for the ``user`` of ``log()``; ``name`` is empty for an anonymous user."""
    if user is None:
        return None
    if isinstance(user, NoUser):
        return user.state
    return KNOWN if name else ANONYMOUS
