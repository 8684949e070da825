"""Mixins that log the actions of class-based views, and the views of objects in the admin."""

import re
from collections.abc import Awaitable
from copy import copy
from inspect import isawaitable
from typing import Any, cast

from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.functional import Promise
from django.utils.translation import override

from . import access
from .backends.capture import are_events_recorded
from .changes import Changes, changes_of_form, initial_values
from .metadata import known_user
from .models import alog, log
from .records.arguments import name_in_actions, object_key
from .threads import aoff_loop


class _ActionOfKind:
    """The default of ``action``, not a property, because REST framework's viewsets set it."""

    def __get__(self, view: Any, owner: type) -> Any:
        if view is None:
            return self
        if not view.action_kind:
            raise ImproperlyConfigured(
                f"{owner.__name__} has no action. "
                f"Set action_kind (such as 'CREATED'), or action for the whole name."
            )
        with override(None):  # An action must not depend on the visitor's language.
            return f"{view.action_kind}_{_name_of(view)}"


class EventLogMixin:
    """Logs the actions of a class-based view, sync or async.

    List it before the view's other base classes, and set ``action_kind``. A view with a form logs
    each valid form, and ``DeleteView`` logs the deleted object. Any other view logs each request
    that it answers with a status below 400.
    """

    request: HttpRequest
    form: Any
    """The valid form."""
    action_kind: str = ""
    """The first part of ``action``, such as ``"CREATED"``."""
    action: Any = _ActionOfKind()
    """``{action_kind}_{NAME}``, with the name of the model, or of the view if it has no model."""
    log_changes: bool = False
    """True if the event of a form has the old and new values of the fields that it changed."""

    @property
    def extra_data(self) -> Any:
        """The event's ``extra``."""
        return {}

    @property
    def user(self) -> Any:
        """The user who acted, or None for an anonymous visitor."""
        if (known := known_user(self.request)) is not None:
            return known  # The view may have logged this user out.
        user = getattr(self.request, "user", None)
        return user if user is not None and user.is_authenticated else None

    def log_action(self) -> None:
        """Log the event."""
        log(
            user=self.user,
            action=self._logged_action(),
            extra=self.extra_data,
            obj=self._logged_object(),
            changes=self._logged_changes(),
        )

    async def alog_action(self) -> None:
        """Log the event. Calls ``log_action()`` in a thread if a subclass overrides it."""
        if type(self).log_action is not EventLogMixin.log_action:
            await sync_to_async(self.log_action)()
            return
        action, extra, obj = await aoff_loop(
            lambda: (self._logged_action(), self.extra_data, self._logged_object())
        )
        await alog(user=await self._auser(), action=action, extra=extra, obj=obj)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        kind = type(self).action_kind  # A property may need the object, which is loaded later.
        if type(self).action is EventLogMixin.action and not kind and not self.action_kind:
            self.action  # noqa: B018 (raise before the view does anything)
        response = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        if isawaitable(response):
            return self._alog_if_acted(response)
        if self._has_acted(response):
            self.log_action()
        return response

    def get_object(self, *args: Any, **kwargs: Any) -> Any:
        return self._remember(super().get_object(*args, **kwargs))  # type: ignore[misc]

    def form_valid(self, form: Any) -> Any:
        self.form = form  # for extra_data, because saving the form resets what changed
        self._remember(getattr(self, "object", None))
        self._initial = initial_values(form) if self.log_changes else None
        response = super().form_valid(form)  # type: ignore[misc]
        if are_events_recorded():
            self.log_action()
        return response

    async def _alog_if_acted(self, pending: Awaitable[HttpResponseBase]) -> HttpResponseBase:
        response = await pending
        if self._has_acted(response):
            await self.alog_action()
        return response

    def _has_acted(self, response: HttpResponseBase) -> bool:
        """Return whether ``response`` shows that a view without a form has acted.

        Return False if ``EVENTLOG["ENABLED"]`` is false.
        """
        if not are_events_recorded():
            return False
        has_form = hasattr(super(), "form_valid")
        # DeleteView answers the DELETE method without its form.
        return (
            getattr(response, "status_code", 500) < 400
            and self.request.method != "OPTIONS"
            and (not has_form or self.request.method == "DELETE")
        )

    def _logged_action(self) -> Any:
        if not hasattr(self, "action_map"):
            return self.action
        action = type(self).action  # REST framework sets the instance's attribute.
        return action if isinstance(action, str | Promise) else action.__get__(self, type(self))

    def _remember(self, obj: Any) -> Any:
        """Keep an object and its key, because deleting the object clears the key."""
        self._remembered, self._remembered_pk = obj, getattr(obj, "pk", None)
        return obj

    def _logged_object(self) -> Model | None:
        obj = getattr(self, "object", None)
        if obj is None:
            obj = getattr(self, "_remembered", None)
        if not isinstance(obj, Model) or obj._state.adding:
            return None
        pk = getattr(self, "_remembered_pk", None)
        if pk is None or object_key(obj) is not None:
            return obj
        deleted = copy(obj)
        deleted.pk = pk
        return deleted

    def _logged_changes(self) -> Changes | None:
        initial = getattr(self, "_initial", None)
        saved = getattr(self, "object", None)
        return changes_of_form(self.form, initial, saved) if initial else None

    async def _auser(self) -> Any:
        """Return ``user``, loaded on the event loop if Django can."""
        loads = type(self).user is EventLogMixin.user and hasattr(self.request, "auser")
        if not loads:
            return await aoff_loop(lambda: self.user)
        return known_user(self.request) or await self.request.auser()


class LogViewsMixin:
    """Logs who opened the page of an object in the admin, for any ``ModelAdmin``.

    Every GET request that shows the page is logged, even if the person may only view the object.
    """

    action_kind: str = "VIEWED"
    """The first part of the action, such as ``VIEWED_ORDER``."""

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Model | None = None,
    ) -> HttpResponse:
        parent: Any = super()
        response: HttpResponse = parent.render_change_form(
            request, context, add, change, form_url, obj
        )
        if obj is not None and request.method == "GET" and response.status_code == 200:
            action = f"{self.action_kind}_{_name_of(self)}"
            access.record(action, request.user, obj=obj, request=request)
        return response


def _name_of(view: Any) -> str:
    """Return the name of the view's model in capitals, or of the view if it has no model."""
    model = getattr(view, "model", None)
    if model is None:
        sources = (getattr(view, "object", None), getattr(view, "queryset", None))
        model = next((getattr(s, "model", type(s)) for s in sources if s is not None), None)
    if model is None or not hasattr(model, "_meta"):
        name = re.sub("(View|APIView|ViewSet)$", "", type(view).__name__)
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()
    return name_in_actions(cast("type[Model]", model))
