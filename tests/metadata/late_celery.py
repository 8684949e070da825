"""A site that imports Celery in a view, after Django has started, and publishes a task there."""

import json
import os
import sys

import django
from django.conf import settings
from django.core.management import call_command
from django.http import HttpResponse
from django.urls import path

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "eventlog"],
    MIDDLEWARE=["eventlog.middleware.EventLogMiddleware"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
)


def publish(request):
    import celery
    from celery.contrib.testing.worker import start_worker

    from eventlog.models import log

    app = celery.Celery("late", broker="memory://", backend="cache+memory://")

    @app.task
    def in_task():
        log(None, "IN_TASK")

    result = in_task.delay()
    with start_worker(app, perform_ping_check=False):
        result.get(timeout=60)
    return HttpResponse("ok")


urlpatterns = [path("publish/", publish, name="publish")]


def main():
    django.setup()
    assert "celery.app" not in sys.modules
    from django.test import Client

    from eventlog.models import Log

    call_command("migrate", verbosity=0)
    Client(HTTP_HOST="localhost").get("/publish/")
    events = Log.objects.order_by("id").values_list("action", "extra")
    json.dump([[action, extra.get("path")] for action, extra in events], sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # Do not wait for the worker's threads.


if __name__ == "__main__":
    main()
