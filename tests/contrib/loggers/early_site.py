"""A site that logs events before its apps are ready, and prints events as lines of JSON.

Arguments: what the site does, and how many events it logs while it starts.
"""

import logging
import os
import sys

import django
from django.apps import AppConfig
from django.conf import settings
from django.http import HttpResponse
from django.urls import path

WHAT, COUNT = sys.argv[1], int(sys.argv[2])

logger = logging.getLogger("shop")
urlpatterns = [path("", lambda request: HttpResponse(), name="home")]


class StartingConfig(AppConfig):
    name = "tests.contrib.loggers"

    def ready(self):
        for number in range(COUNT):
            logger.info("Starting", extra={"event": "STARTING", "number": number})
        if WHAT == "fail":
            sys.exit(1)


settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "eventlog",
        f"{__name__}.StartingConfig",
    ],
    MIDDLEWARE=["eventlog.middleware.EventLogMiddleware"],
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["localhost"],
    SECRET_KEY="of the test site",
    USE_TZ=True,
    EVENTLOG={"BACKEND": "eventlog.contrib.loggers.backend.LoggerBackend"},
    LOGGING={
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {
            "events": {"class": "eventlog.contrib.loggers.handler.EventLogHandler"},
            "stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"},
        },
        "loggers": {
            "shop": {"handlers": ["events"], "level": "INFO"},
            "eventlog.events": {"handlers": ["stdout"], "level": "INFO", "propagate": False},
        },
    },
)


def visit():
    from django.test import Client

    assert Client(HTTP_HOST="localhost").get("/").status_code == 200
    sys.stdout.flush()


def main():
    django.setup()
    if WHAT == "visit":
        visit()
        os._exit(0)  # without what happens at the end of a process
    if WHAT == "fork":
        if not (child := os.fork()):
            visit()
            sys.exit()
        os.waitpid(child, 0)
        logger.info("Running", extra={"event": "RUNNING"})


if __name__ == "__main__":
    main()
