"""A mixin for the viewsets and generic views of REST framework that logs what they change."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Model
from django.http.response import HttpResponseBase

from ..mixins import EventLogMixin

KINDS: Mapping[str, str] = {
    "create": "CREATED",
    "update": "UPDATED",
    "partial_update": "UPDATED",
    "destroy": "DELETED",
}
# Generic views have no ``action``.
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "partial_update", "DELETE": "destroy"}


class EventLogViewSetMixin(EventLogMixin):
    """Logs what a viewset creates, updates and deletes, such as ``CREATED_ORDER``.

    List it before the viewset's other base classes. It also works with generic views. A request
    that is answered with a status of 400 or above is not logged. ``action_kinds`` adds methods:
    with ``{"publish": "PUBLISHED"}``, the method ``publish()`` logs ``PUBLISHED_ORDER``. An empty
    string turns a method off. Override ``extra_data``, ``user`` or ``log_action()`` as with
    ``EventLogMixin``.
    """

    action_kinds: Mapping[str, str] = {}
    """The first part of the event's action for further methods, such as
    ``{"publish": "PUBLISHED"}``; an empty text turns a method off."""

    @property
    def action_kind(self) -> str:  # type: ignore[override]
        """The first part of the event's action for this request, empty if none is logged."""
        verb = self._verb()
        return self.action_kinds.get(verb, KINDS.get(verb, ""))

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        self._serializer = super().get_serializer(*args, **kwargs)  # type: ignore[misc]
        return self._serializer

    def _verb(self) -> str:
        if hasattr(self, "action_map"):
            return self.action or ""
        return _VERBS.get(self.request.method or "", "")

    def _has_acted(self, response: HttpResponseBase) -> bool:
        return bool(self.action_kind) and super()._has_acted(response)

    def _logged_action(self) -> Any:
        # The name of a viewset that has get_queryset() only is the name of its object's model.
        self.object = self._logged_object()
        return super()._logged_action()

    def _logged_object(self) -> Model | None:
        if (obj := super()._logged_object()) is not None:
            return obj
        # The object of a create. A list of objects is logged without an object.
        obj = getattr(getattr(self, "_serializer", None), "instance", None)
        return obj if isinstance(obj, Model) and not obj._state.adding else None
