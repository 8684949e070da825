"""Settings of a site with a custom user model."""

import os

from tests.settings import *  # noqa: F403 (the same site except for its users)
from tests.settings import DATABASES

DATABASES["default"]["NAME"] = os.environ["MEMBERS_DATABASE"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "tests.members",
    "eventlog",
]
AUTH_USER_MODEL = "members.Member"
MIDDLEWARE = []
ROOT_URLCONF = __name__
urlpatterns = []
EVENTLOG = {"ACCESS": {"export": False, "erase": False}}
