"""The test site with the packages of the dependency group ``packages``.

Tests add middleware and authentication backends of a package themselves.
"""

import os

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
    # The packages whose tables are imported. Tests connect their receivers.
    "auditlog",
    "drf_api_logger",
    "easyaudit",
    "eventlog.contrib.importers",
    "request",
    "simple_history",
    "tests.packages.importers",
]
DJANGO_EASY_AUDIT_WATCH_AUTH_EVENTS = False
DJANGO_EASY_AUDIT_WATCH_MODEL_EVENTS = False
DJANGO_EASY_AUDIT_WATCH_REQUEST_EVENTS = False
DRF_API_LOGGER_DATABASE = True
# DRF-API-Logger takes this for the process of runserver that only reloads, and starts no thread.
os.environ["RUN_MAIN"] = "false"
MIDDLEWARE = [*MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
SECRET_KEY = "of the test site, and long enough to sign a token"
SITE_ID = 1
AXES_ENABLED = False  # except in its own tests
