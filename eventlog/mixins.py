"""Class-based views that log what was done with them."""

import re
from collections.abc import Awaitable
from copy import copy
from inspect import isawaitable
from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import override

from .metadata import known_user
from .models import alog, log


class _ActionOfKind:
    """No property: the viewsets of REST framework keep under this name what they were asked for."""

    def __get__(self, view: Any, owner: type) -> Any:
        if view is None:
            return self
        if not view.action_kind:
            raise ImproperlyConfigured(
                f"{owner.__name__} does not say what it logs: "
                f"set action_kind (as 'CREATED'), or action for the whole name."
            )
        return f"{view.action_kind}_{_name_of(view)}"


class EventLogMixin:
    """Put it before the view's own classes, and name what is done in ``action_kind``.

    A view with a form logs each valid form; ``DeleteView`` logs the object that is gone; any
    other view logs each request that it answered with a status below 400. Sync and async.
    """

    request: HttpRequest
    form: Any
    """The form that was valid."""
    action_kind: str = ""
    """What is done here, as ``"CREATED"``: the first part of ``action``."""
    action: Any = _ActionOfKind()
    """``{action_kind}_{NAME}``, with the name of the model or else of the view."""

    @property
    def extra_data(self) -> Any:
        """What goes into the event's ``extra``."""
        return {}

    @property
    def user(self) -> Any:
        """Who did it; None for a visitor who is not logged in."""
        if (known := known_user(self.request)) is not None:
            return known  # also if the view has logged this user out
        user = getattr(self.request, "user", None)
        return user if user is not None and user.is_authenticated else None

    def log_action(self) -> None:
        """Log the event."""
        log(
            user=self.user,
            action=self._logged_action(),
            extra=self.extra_data,
            obj=self._logged_object(),
        )

    async def alog_action(self) -> None:
        """See log_action(). Runs that one if a subclass has its own."""
        if type(self).log_action is not EventLogMixin.log_action:
            await sync_to_async(self.log_action)()
            return
        await alog(
            user=await self._auser(),
            action=self._logged_action(),
            extra=self.extra_data,
            obj=self._logged_object(),
        )

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        kind = type(self).action_kind  # which may be a property, of what is to come
        if type(self).action is EventLogMixin.action and not kind and not self.action_kind:
            self.action  # noqa: B018 (complain before anything is done)
        response = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        if isawaitable(response):
            return self._alogged(response)
        if self._is_done_by(response):
            self.log_action()
        return response

    def get_object(self, *args: Any, **kwargs: Any) -> Any:
        return self._remember(super().get_object(*args, **kwargs))  # type: ignore[misc]

    def form_valid(self, form: Any) -> Any:
        self.form = form  # for extra_data: what changed is known no more once it is saved
        self._remember(getattr(self, "object", None))
        response = super().form_valid(form)  # type: ignore[misc]
        self.log_action()
        return response

    async def _alogged(self, pending: Awaitable[HttpResponseBase]) -> HttpResponseBase:
        response = await pending
        if self._is_done_by(response):
            await self.alog_action()
        return response

    def _is_done_by(self, response: HttpResponseBase) -> bool:
        """Whether ``response`` says that the view did its work, where no form does."""
        has_form = hasattr(super(), "form_valid")
        # DeleteView answers the DELETE method without asking its form.
        return (
            getattr(response, "status_code", 500) < 400
            and self.request.method != "OPTIONS"
            and (not has_form or self.request.method == "DELETE")
        )

    def _logged_action(self) -> Any:
        if not hasattr(self, "action_map"):
            return self.action
        said = type(self).action  # a viewset's own is that of REST framework
        return said if isinstance(said, str) else said.__get__(self, type(self))

    def _remember(self, obj: Any) -> Any:
        """Keep an object, with its key: it may be about to be deleted, which takes that away."""
        self._remembered, self._remembered_pk = obj, getattr(obj, "pk", None)
        return obj

    def _logged_object(self) -> Model | None:
        obj = getattr(self, "object", None)
        if obj is None:
            obj = getattr(self, "_remembered", None)
        if not isinstance(obj, Model) or obj.pk is not None:
            return obj if isinstance(obj, Model) and not obj._state.adding else None
        if getattr(self, "_remembered_pk", None) is None:
            return None
        gone = copy(obj)
        gone.pk = self._remembered_pk
        return gone

    async def _auser(self) -> Any:
        """``user``, loaded without leaving the event loop where Django can do that."""
        loads = type(self).user is EventLogMixin.user and hasattr(self.request, "auser")
        if not loads:
            return self.user
        return known_user(self.request) or await self.request.auser()


def _name_of(view: Any) -> str:
    """The name of the view's model as an action spells it, else that of the view."""
    model = getattr(view, "model", None)
    if model is None:
        sources = (getattr(view, "object", None), getattr(view, "queryset", None))
        model = next((getattr(s, "model", type(s)) for s in sources if s is not None), None)
    if model is None or not hasattr(model, "_meta"):
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(view).__name__.removesuffix("View"))
        return words.upper()
    with override(None):  # an action is a key: it must not change with the visitor's language
        return str(model._meta.verbose_name).upper().replace(" ", "_")
