"""Numbers of users with events, as pinax-eventlog counts them."""

from datetime import timedelta

from django.utils import timezone

from .review.reader import reader


def used_active(days: int) -> tuple[int, int]:
    """Count the users with an event in the last ``days`` days, and those who joined before.

    Without a field ``date_joined``, both numbers count all users with an event.
    """
    users = reader().users_since(timezone.now() - timedelta(days=days))
    return users.all, users.all if users.joined_before is None else users.joined_before


def stats() -> dict[str, int]:
    """Return the numbers of users with an event in the last 7 and in the last 30 days.

    ``used_seven`` and ``used_thirty`` count all of these users. ``active_seven`` and
    ``active_thirty`` leave out users who joined during the 7 or the 30 days.
    """
    used_seven, active_seven = used_active(7)
    used_thirty, active_thirty = used_active(30)
    return {
        "used_seven": used_seven,
        "used_thirty": used_thirty,
        "active_seven": active_seven,
        "active_thirty": active_thirty,
    }
