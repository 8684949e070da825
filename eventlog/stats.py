"""How many people use the site, as pinax-eventlog counts them."""

from datetime import timedelta

from django.contrib.auth import get_user_model
from django.utils import timezone

from .models import Log


def used_active(days: int) -> tuple[int, int]:
    """Users with an event in the last ``days`` days: all of them, and those who joined before."""
    start = timezone.now() - timedelta(days=days)
    seen = get_user_model()._default_manager.filter(
        pk__in=Log.objects.since(start).filter(user__isnull=False).values("user").order_by()
    )
    return seen.count(), seen.exclude(date_joined__gt=start).count()


def stats() -> dict[str, int]:
    """Both figures for the last 7 and the last 30 days."""
    used_seven, active_seven = used_active(7)
    used_thirty, active_thirty = used_active(30)
    return {
        "used_seven": used_seven,
        "used_thirty": used_thirty,
        "active_seven": active_seven,
        "active_thirty": active_thirty,
    }
