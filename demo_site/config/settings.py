"""Settings of a small shop that records its events. ``EVENTLOG`` is at the end."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# Run this site on your own machine only, because its secrets are in a public repository.
DEBUG = True
SECRET_KEY = "demo-shop-not-a-secret"
# A fast hash is acceptable here, because the login page shows every password.
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
        # WAL lets readers and the writer work at the same time; NORMAL saves most disk flushes.
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
    # The first matching rule decides. The rules of @log_request and @log_exempt come first.
    "REQUESTS": [
        {"path": r"^/healthz$", "log": False},
        # Reading in the admin is not part of the shop. Changes in the admin are recorded.
        {"path": r"^/admin/", "methods": ["GET", "HEAD"], "log": False},
        {"view": "login", "methods": ["POST"], "status": 302, "action": "LOGGED_IN"},
        {"view": "login", "methods": ["POST"], "action": "LOGIN_FAILED"},
        {"view": "shop:*", "methods": ["POST"], "action": "{view}_SENT"},
        # This page is visited often, so half of its requests are recorded, and every error.
        {"view": "shop:product-list", "sample": 0.5},
        "defaults",  # other requests, but not those for static files and for the event log
    ],
    # Connections from these addresses name the client in X-Forwarded-For.
    "TRUSTED_PROXIES": ["10.0.0.0/8"],
}
