"""Saved searches: a name for the address of a list, private or shared with all staff."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import router, transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from ..models import SavedSearch
from ..models.saved_search import MAX_NAME_LENGTH, MAX_QUERY_LENGTH
from ..text import UNSTORABLE
from . import links
from .parameters import COLUMNS_VAR, FACETS_VAR, KIND_VAR

KEPT = ("q", KIND_VAR, COLUMNS_VAR, FACETS_VAR)
MAX_SHOWN = 50
MAY_SHARE = "eventlog.share_savedsearch"


class Saved(NamedTuple):
    """A saved search as a chip above the list."""

    search: SavedSearch
    address: str
    is_current: bool
    is_own: bool


def saved_searches(request: HttpRequest) -> Sequence[Saved]:
    """Return the searches that this person saved, and those that are shared."""
    found = _visible(request)[:MAX_SHOWN]
    now = address_to_save(request.GET)
    return [
        Saved(each, f"?{each.query}", each.query == now, each.owner_id == request.user.pk)
        for each in found
    ]


def _visible(request: HttpRequest) -> Any:
    return SavedSearch.objects.filter(Q(owner=request.user.pk) | Q(is_shared=True))


def address_to_save(params: QueryDict) -> str:
    """Return the part of an address that a search is saved with."""
    return urlencode([(name, params[name]) for name in KEPT if params.get(name)])


def default_address(request: HttpRequest) -> str | None:
    """Return the address of this person's default search, if the list was opened without any."""
    if request.GET or request.method != "GET":
        return None
    own = SavedSearch.objects.filter(owner=request.user.pk, is_default=True).first()
    return None if own is None or not own.query else f"?{own.query}"


class SavedSearchesMixin:
    """The views of ``LogAdmin`` that save and remove searches."""

    admin_site: Any

    def saved_search_urls(self) -> list[URLPattern]:
        """Return the addresses of these views."""
        return [
            path(
                "searches/save/",
                self.admin_site.admin_view(require_POST(self.save_search)),
                name="eventlog_log_save_search",
            ),
            path(
                "searches/<int:pk>/remove/",
                self.admin_site.admin_view(require_POST(self.remove_search)),
                name="eventlog_log_remove_search",
            ),
        ]

    def save_search(self, request: HttpRequest) -> HttpResponse:
        """Save the search of the list under a name; replace one's own search of this name."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        name = " ".join(request.POST.get("name", "").split())
        query = address_to_save(QueryDict(request.POST.get("query", "").lstrip("?")))
        is_shared = bool(request.POST.get("is_shared"))
        if is_shared and not request.user.has_perm(MAY_SHARE):
            raise PermissionDenied
        if not name or len(name) > MAX_NAME_LENGTH or UNSTORABLE.search(name + query):
            problem = _("Give the search a name of at most %(max)d characters.")
            messages.error(request, problem % {"max": MAX_NAME_LENGTH})
        elif len(query) > MAX_QUERY_LENGTH:
            messages.error(request, _("The search is too long to be saved."))
        else:
            self._store(request, name, query, is_shared=is_shared)
            messages.success(request, _("The search “%(name)s” was saved.") % {"name": name})
        return self._back(query)

    def _store(self, request: HttpRequest, name: str, query: str, *, is_shared: bool) -> None:
        is_default = bool(request.POST.get("is_default"))
        own = SavedSearch.objects.filter(owner=request.user.pk)
        with transaction.atomic(using=router.db_for_write(SavedSearch)):
            if is_default:
                own.update(is_default=False)
            own.filter(name=name).delete()
            SavedSearch.objects.create(
                owner_id=request.user.pk,
                name=name,
                query=query,
                is_shared=is_shared,
                is_default=is_default,
            )

    def remove_search(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Remove a search: one's own, or a shared one with the permission to share."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        search = _visible(request).filter(pk=pk).first()
        if search is None:
            raise Http404
        is_own = search.owner_id == request.user.pk
        if not is_own and not request.user.has_perm(MAY_SHARE):
            raise PermissionDenied
        search.delete()
        messages.success(request, _("The search “%(name)s” was removed.") % {"name": search.name})
        return self._back("")

    def _back(self, query: str) -> HttpResponse:
        address = reverse(links.LIST, current_app=self.admin_site.name)
        return HttpResponseRedirect(f"{address}?{query or 'q='}")
