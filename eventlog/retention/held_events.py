"""Protection of events under legal hold from deletion in the admin."""

from collections.abc import Iterable
from itertools import islice

from django.db import router
from django.utils.translation import gettext

from ..conf import Misconfigured
from ..models import Log
from .compiled import UnusableSearch, hold_condition
from .policy import current_policy

MAX_KEYS = 500  # in one query
MAX_NAMED = 20  # events that the page names


def held_among(events: Iterable[Log]) -> list[str]:
    """Return a line for each of the first held events, or the reason why the hold is not known."""
    try:
        hold = hold_condition(current_policy())
    except (Misconfigured, UnusableSearch) as error:
        return [str(error)]
    if hold is None:
        return []
    lines: list[str] = []
    remaining = iter(events)
    while len(lines) < MAX_NAMED and (some := [*islice(remaining, MAX_KEYS)]):
        near = Log.objects.using(router.db_for_write(Log)).around(each.timestamp for each in some)
        held = near.filter(hold, pk__in=[each.pk for each in some])
        lines += [gettext("%s, under legal hold") % event for event in held[:MAX_NAMED]]
    return lines[:MAX_NAMED]
