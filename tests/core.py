"""Import, migrate and log with no optional dependency installed."""

import importlib.util
from io import StringIO

import django
from django.conf import settings
from django.core.management import call_command

ABSENT = ("celery", "crawleruseragents", "psycopg", "pyarrow", "pytest", "rich")

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "eventlog",
        "eventlog.contrib.importers",
    ],
    MIDDLEWARE=["eventlog.middleware.EventLogMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="core",
    USE_TZ=True,
)
urlpatterns = []


def main():
    assert not [name for name in ABSENT if importlib.util.find_spec(name)]
    django.setup()
    from django.test import Client

    from eventlog.models import Log, log
    from eventlog.review.export.formats import FORMATS

    call_command("check", fail_level="WARNING")
    call_command("migrate", verbosity=0)
    assert set(FORMATS) == {"csv", "jsonl"}
    call_command("eventlog_import", stdout=StringIO())
    log(None, "X", {"a": 1})
    Client(HTTP_HOST="localhost").get("/nowhere/", HTTP_USER_AGENT="curl/8.5.0")
    assert Log.objects.action("X").get().extra == {"a": 1}
    assert Log.objects.action("GET_UNRESOLVED").get().extra["device_type"] == "bot"


if __name__ == "__main__":
    main()
