"""A small shop that records what happens in it. ``EVENTLOG``, at the end, is what to look at."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# This site is for your own machine: its secrets stand in a public repository.
DEBUG = True
SECRET_KEY = "of the demo shop, and no secret at all"
# Every password is printed on the login page, so a fast hash gives nothing away. Never elsewhere.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
STATIC_URL = "/static/"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_REDIRECT_URL = "shop:home"
LOGOUT_REDIRECT_URL = "shop:home"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DEMO_DB", BASE_DIR / "db.sqlite3"),
        "CONN_MAX_AGE": None,
        # Readers and the writer do not wait for each other, and writing does not wait for the disk.
        "OPTIONS": {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
            "transaction_mode": "IMMEDIATE",
        },
    }
}

INSTALLED_APPS = [
    "shop",
    "eventlog",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "eventlog.middleware.EventLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "shop.middleware.ReplayMiddleware",  # only for `manage.py replay`
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

EVENTLOG = {
    # The first rule that matches a request decides. @log_request and @log_exempt go before them.
    "REQUESTS": [
        {"path": r"^/healthz$", "log": False},
        {"path": r"^/static/", "log": False},
        {"view": "login", "methods": ["POST"], "status": 302, "action": "LOGGED_IN"},
        {"view": "login", "methods": ["POST"], "action": "LOGIN_FAILED"},
        {"view": "shop:*", "methods": ["POST"], "action": "{view}_SENT"},
        # Much looked at, little to learn: half of these, and every error.
        {"view": "shop:product-list", "sample": 0.5},
        {},
    ],
    # Whoever connects from here says in X-Forwarded-For whom the request is from.
    "TRUSTED_PROXIES": ["10.0.0.0/8"],
}
