"""Admins that show some of the events only."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.db import router
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern
from django.utils.translation import gettext as _

from ..models import Log
from .search.condition import InvalidSearch


class RestrictionNotAppliedError(InvalidSearch):
    """A queryset that leaves events out in a way that the store cannot apply."""


def is_restricted(events: QuerySet[Log]) -> bool:
    """Return whether ``events`` leaves events out, because a site overrides ``get_queryset()``.

    Hourly counts cover all events, so they do not apply to restricted staff.
    """
    query = events.query
    narrowed = bool(query.where) or query.is_sliced or query.combinator is not None
    return narrowed or events.db != router.db_for_read(Log)


def guard_views(patterns: list[URLPattern], site: AdminSite) -> list[URLPattern]:
    """Make the views show no event, and why, if the store cannot apply the restriction."""
    for pattern in patterns:
        pattern.callback = _refusing(pattern.callback, site)
    return patterns


def _refusing(view: Callable[..., Any], site: AdminSite) -> Callable[..., Any]:
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return view(request, *args, **kwargs)
        except RestrictionNotAppliedError as error:
            context = {
                **site.each_context(request),
                "title": _("Events are not shown"),
                "opts": Log._meta,
                "is_nav_sidebar_enabled": False,
                "reason": str(error),
            }
            template = "admin/eventlog/log/refused.html"
            return TemplateResponse(request, template, context, status=403)

    return wrapped
