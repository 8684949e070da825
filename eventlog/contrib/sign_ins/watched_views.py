"""Views that Django and other packages have for passwords and tokens, and that send no signal.

A view is known by its package and its name, such as ``django.PasswordResetView``, so that its
module is not imported here. A subclass counts as the view.
"""

from collections.abc import Callable
from functools import cache, partial
from itertools import islice
from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse

from .recording import actor, current_request, record, reporting_errors
from .tried_names import masked_name, tried_name

Handler = Callable[[HttpRequest, Any], None]

RESETS = frozenset(
    (
        "django.PasswordResetConfirmView",
        "allauth.CompletePasswordResetView",
        "allauth.PasswordResetFromKeyView",
        "allauth.ResetPasswordView",
    )
)
HIJACKS = frozenset(("hijack.AcquireUserView", "hijack.ReleaseUserView"))


def completes_reset() -> bool:
    """Return whether the current request is one that ends a password reset."""
    request = current_request()
    return request is not None and not RESETS.isdisjoint(_view_names(request))


def is_hijack(request: Any) -> bool:
    """Return whether the view of ``request`` starts or ends a hijack, which is not a login."""
    return isinstance(request, HttpRequest) and not HIJACKS.isdisjoint(_view_names(request))


@reporting_errors
def reset_requested(request: HttpRequest, response: HttpResponseBase) -> None:
    """Record that the form of Django's PasswordResetView was valid, which redirects."""
    if response.status_code != 302:
        return
    email = request.POST.get("email", "")
    view: Any = request.resolver_match and request.resolver_match.func
    form_class = view.view_initkwargs.get("form_class", view.view_class.form_class)
    record_reset_request(request, email, form_class().get_users(email))


def record_reset_request(request: HttpRequest, email: str, accounts: Any) -> None:
    """Record a request for a new password, about the account if exactly one has the address."""
    found = list(islice(accounts, 2))
    record(
        "password_reset_requested",
        user=actor(request),
        obj=found[0] if len(found) == 1 else None,
        extra={"email": masked_name(email)},
        request=request,
    )


@reporting_errors
def login_refused(request: HttpRequest, form: AuthenticationForm) -> None:
    """Record a login with the right password that the form refused, which sends no signal."""
    name = tried_name(form.cleaned_data)
    named = {} if name is None else {"username": name}
    extra = {**named, "refused": True}
    record("login_failed", user=actor(request), obj=form.get_user(), extra=extra, request=request)


handlers: dict[str, Handler] = {"django.PasswordResetView": reset_requested}
"""Functions of request and response, by the view after whose POST requests they are called."""


def after_response(request: HttpRequest, response: HttpResponseBase) -> Callable[[], None] | None:
    """Return the call that records what the view did, if it is one of the known views."""
    if request.method != "POST":
        return None
    if (form := _refusing_form(response)) is not None:
        return partial(login_refused, request, form)
    for name in _view_names(request):
        if name in handlers:
            return partial(handlers[name], request, response)
    return None


def _refusing_form(response: HttpResponseBase) -> AuthenticationForm | None:
    """Return the login form of a page if it has found an account, but did not let it in."""
    if not isinstance(response, TemplateResponse):
        return None
    context: Any = response.context_data
    # The types are asked, because isinstance() would evaluate a lazy object.
    form: Any = context.get("form") if issubclass(type(context), dict) else None
    if not issubclass(type(form), AuthenticationForm) or form.get_user() is None:
        return None
    return form if form.errors else None


def _view_names(request: HttpRequest) -> frozenset[str]:
    match = request.resolver_match
    view_class = None if match is None else getattr(match.func, "view_class", None)
    return frozenset() if view_class is None else _names_of(view_class)


@cache
def _names_of(view_class: type) -> frozenset[str]:
    classes = view_class.__mro__
    return frozenset(f"{cls.__module__.partition('.')[0]}.{cls.__name__}" for cls in classes)
