"""A site with one more request field, ``language``, that one entry in the table adds."""

import json
import sys

import django
from django.conf import settings
from django.contrib import admin
from django.core.management import call_command
from django.http import HttpResponse
from django.urls import path

from eventlog.metadata.fields import FIELDS, Field


def language(request):
    header = request.META.get("HTTP_ACCEPT_LANGUAGE")
    return {"language": header} if header else {}


FIELDS["language"] = Field(
    "Language of the visitor",
    "the `Accept-Language` header",
    language,
    is_personal=True,
    column="text",
)

MIDDLEWARE = [
    "eventlog.middleware.EventLogMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = {
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
APPS = ("admin", "auth", "contenttypes", "sessions", "messages")

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[*(f"django.contrib.{app}" for app in APPS), "eventlog"],
    MIDDLEWARE=MIDDLEWARE,
    TEMPLATES=[TEMPLATES],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of the test site",
    STATIC_URL="/static/",
    USE_TZ=True,
    EVENTLOG={"REQUESTS": [{"view": "visited"}], "ACCESS": {"export": False, "erase": False}},
)
django.setup()
admin.autodiscover()

urlpatterns = [
    path("visited/", lambda request: HttpResponse(request.user), name="visited"),
    path("admin/", admin.site.urls),
]


def main():
    from django.contrib.auth.models import User
    from django.test import Client

    from eventlog.models import Log

    call_command("migrate", verbosity=0)
    client = Client(HTTP_HOST="localhost")
    client.force_login(User.objects.create_superuser("anna"))
    client.get("/visited/", HTTP_ACCEPT_LANGUAGE="Sindarin")
    event = Log.objects.get()
    page = client.get(f"/admin/eventlog/log/{event.pk}/change/").content.decode()
    exports = {
        name: exported(client, name).decode("utf-8", "replace")
        for name in ("csv", "jsonl", "parquet")
    }
    call_command("eventlog_person", "erase", "anna", yes=True, verbosity=0)
    found = {
        "recorded": event.extra.get("language"),
        "labelled": "Language of the visitor" in page,
        "exported": [name for name, text in exports.items() if "language" in text],
        "after erasure": Log.objects.get().extra.get("language"),
    }
    json.dump(found, sys.stdout)


def exported(client, name):
    return client.get(f"/admin/eventlog/log/export/{name}/").getvalue()


if __name__ == "__main__":
    main()
