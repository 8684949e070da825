"""The test site with the packages of the dependency group ``packages``.

Tests add middleware and authentication backends of a package themselves.
"""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "django.contrib.sites",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.dummy",
    "axes",
    "eventlog.contrib.hijack",
    "hijack",
    "rest_framework",
    "rest_framework.authtoken",
    "rest_framework_simplejwt.token_blacklist",
]
MIDDLEWARE = [*MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
SECRET_KEY = "of the test site, and long enough to sign a token"
SITE_ID = 1
AXES_ENABLED = False  # except in its own tests
