"""Logins and logouts with the tokens of djangorestframework-simplejwt.

The package calls ``authenticate()``, so failures come through Django's signal. It sends no signal
for a new token, so the response is read.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.http import HttpRequest
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import UntypedToken

from .recording import record, reporting_errors
from .watched_views import Handler


@reporting_errors
def token_obtained(request: HttpRequest, response: Any) -> None:
    if response.status_code == 200:
        token = response.data.get("access") or response.data.get("token")
        record("logged_in", user=_user_of(token), extra={"via": "token"}, request=request)


@reporting_errors
def token_blacklisted(request: HttpRequest, response: Any) -> None:
    if response.status_code == 200:
        token = response.renderer_context["request"].data.get("refresh")
        record("logged_out", user=_user_of(token), extra={"via": "token"}, request=request)


def _user_of(token: str | None) -> Any:
    """Return the user whom a token names; None if a subclass of the view hides the token."""
    if not token:
        return None
    # The view has verified the token, which may be blacklisted by now.
    key = UntypedToken(token, verify=False).payload.get(api_settings.USER_ID_CLAIM)
    return get_user_model()._base_manager.filter(**{api_settings.USER_ID_FIELD: key}).first()


VIEWS: Mapping[str, Handler] = {
    "rest_framework_simplejwt.TokenObtainPairView": token_obtained,
    "rest_framework_simplejwt.TokenObtainSlidingView": token_obtained,
    "rest_framework_simplejwt.TokenBlacklistView": token_blacklisted,
}


def receivers() -> Iterable[tuple[Any, Any, Any]]:
    """Return no connections, because the package sends no signals."""
    return ()
