"""All forms of patterns that capture a secret from a path of any length."""

from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.urls import include, path, re_path
from django.utils.translation import gettext_lazy as _

from . import urls_secrets, views
from .urls import shop

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("django.contrib.auth.urls")),
    path("shop/", include((shop, "shop"))),
    path("secrets/", include(urls_secrets)),
    path("any/<path:token>/end/", views.ok),
    re_path(r"^dots/(?P<token>.+)/x$", views.ok),
    re_path(r"^words/(?P<token>(?:\w|-)+)\.html$", views.ok),
    *i18n_patterns(
        path("accounts/", include("django.contrib.auth.urls")),
        path(_("reset/<token>/"), views.ok),
    ),
]
