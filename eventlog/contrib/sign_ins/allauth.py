"""Events of django-allauth: e-mail addresses, second factors, social accounts, reset requests.

Logins, logouts and passwords come through Django's signals and the user model, so allauth's own
signals for them are not connected.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from allauth.account.utils import filter_users_by_email
from django.apps import apps
from django.http import HttpRequest
from django.utils.module_loading import import_string

from .recording import actor, record, reporting_errors
from .tried_names import masked_name
from .watched_views import Handler, record_reset_request

Receiver = Callable[..., None]


def _email_receiver(key: str) -> Receiver:
    @reporting_errors
    def receiver(email_address: Any, request: Any = None, **kwargs: Any) -> None:
        _record(key, email_address.user, {key: email_address.email}, request)

    return receiver


def _mfa_receiver(key: str) -> Receiver:
    @reporting_errors
    def receiver(user: Any, authenticator: Any, request: Any = None, **kwargs: Any) -> None:
        _record(key, user, {key: str(authenticator.type)}, request)

    return receiver


@reporting_errors
def email_changed(
    user: Any, to_email_address: Any, from_email_address: Any, request: Any = None, **kwargs: Any
) -> None:
    before = from_email_address and from_email_address.email
    extra = {"email_from": before, "email_to": to_email_address.email}
    _record("email_changed", user, extra, request)


@reporting_errors
def code_rejected(user: Any, request: Any = None, **kwargs: Any) -> None:
    """Record a wrong code that was sent by e-mail or text message, for a login or a reset."""
    name = masked_name(str(user.get_username()))
    extra = {"username": name, "via": "code"}
    record("login_failed", user=actor(request), extra=extra, request=request)


@reporting_errors
def social_account_added(sociallogin: Any, request: Any = None, **kwargs: Any) -> None:
    extra = {"social_account_added": sociallogin.account.provider}
    _record("social_account_added", sociallogin.user, extra, request)


@reporting_errors
def social_account_removed(socialaccount: Any, request: Any = None, **kwargs: Any) -> None:
    extra = {"social_account_removed": socialaccount.provider}
    _record("social_account_removed", socialaccount.user, extra, request)


def _record(key: str, account: Any, extra: dict[str, Any], request: Any) -> None:
    record(key, user=actor(request), obj=account, extra=extra, request=request)


@reporting_errors
def page_requested_reset(request: HttpRequest, response: Any) -> None:
    """Record that the form of allauth's page was valid: it redirects, or answers scripts."""
    is_json = response.headers.get("Content-Type", "").startswith("application/json")
    if response.status_code == 302 or (is_json and response.status_code == 200):
        _record_reset_request(request, request.POST.get("email", ""))


@reporting_errors
def api_requested_reset(request: HttpRequest, response: Any) -> None:
    """Record a valid call of the headless API, which answers 401 while it waits for a code."""
    if response.status_code in (200, 401):
        _record_reset_request(request, json.loads(request.body)["email"])


def _record_reset_request(request: HttpRequest, email: str) -> None:
    accounts = filter_users_by_email(email, is_active=True, prefer_verified=True)
    record_reset_request(request, email, accounts)


VIEWS: Mapping[str, Handler] = {
    "allauth.PasswordResetView": page_requested_reset,
    "allauth.RequestPasswordResetView": api_requested_reset,
}


# Signals are found by name, because modules of apps that are not installed cannot be imported.
# The receivers are kept here, because signals refer to them weakly.
_RECEIVERS: Mapping[str, Mapping[str, Receiver]] = {
    "allauth.account": {
        "email_added": _email_receiver("email_added"),
        "email_changed": email_changed,
        "email_confirmed": _email_receiver("email_confirmed"),
        "email_removed": _email_receiver("email_removed"),
        "login_code_rejected": code_rejected,
        "password_reset_code_rejected": code_rejected,
    },
    "allauth.mfa": {
        "authenticator_added": _mfa_receiver("mfa_added"),
        "authenticator_removed": _mfa_receiver("mfa_removed"),
        "authenticator_reset": _mfa_receiver("mfa_reset"),
        "authenticator_used": _mfa_receiver("mfa_used"),
        "authentication_failed": _mfa_receiver("mfa_failed"),
    },
    "allauth.socialaccount": {
        "social_account_added": social_account_added,
        "social_account_removed": social_account_removed,
    },
}


def receivers() -> Iterable[tuple[Any, Any, Any]]:
    """Return (signal, receiver, sender) of each connection."""
    for app, receivers in _RECEIVERS.items():
        if apps.is_installed(app):
            for name, receiver in receivers.items():
                yield import_string(f"{app}.signals.{name}"), receiver, None
