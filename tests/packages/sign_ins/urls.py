"""URLs of a site that signs its users in with the views of other packages."""

from allauth.account import views as allauth
from django.contrib import admin
from django.urls import include, path
from rest_framework_simplejwt import views as jwt


class HiddenToken(jwt.TokenObtainPairView):
    """A view that moves the token from the body to a cookie, as sites do for browsers."""

    def post(self, request, *args, **kwargs):
        response = super().post(request, *args, **kwargs)
        response.set_cookie("access", response.data.pop("access"))
        return response


urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("_allauth/", include("allauth.headless.urls")),
    # allauth has these URLs only if the setting is on when it is imported.
    path(
        "code/confirm/",
        allauth.confirm_password_reset_code,
        name="account_confirm_password_reset_code",
    ),
    path("code/complete/", allauth.complete_password_reset, name="account_complete_password_reset"),
    path(
        "code/done/",
        allauth.password_reset_from_key_done,
        name="account_password_reset_completed",
    ),
    path("token/", jwt.TokenObtainPairView.as_view()),
    path("token/hidden/", HiddenToken.as_view()),
    path("token/sliding/", jwt.TokenObtainSlidingView.as_view()),
    path("token/refresh/", jwt.TokenRefreshView.as_view()),
    path("token/blacklist/", jwt.TokenBlacklistView.as_view()),
]
