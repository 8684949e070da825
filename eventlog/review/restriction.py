"""Admins that show some of the events only."""

from django.db import router
from django.db.models import QuerySet

from ..models import Log


def is_restricted(events: QuerySet[Log]) -> bool:
    """Return whether ``events`` leaves events out, because a site overrides ``get_queryset()``.

    Hourly counts cover all events, so they do not apply to restricted staff.
    """
    query = events.query
    narrowed = bool(query.where) or query.is_sliced or query.combinator is not None
    return narrowed or events.db != router.db_for_read(Log)
