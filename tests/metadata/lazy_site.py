"""A site whose first requests arrive in parallel, to show when it loads which modules."""

import asyncio
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.abc import MetaPathFinder
from threading import current_thread, main_thread

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.test import AsyncClient, Client
from django.urls import path

LAZY_MODULES = ("ua_parser", "user_agents", "crawleruseragents", "celery", "pyarrow")
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
REQUESTS = 8
EVENTLOG = {"BACKEND": "eventlog.backends.locmem.LocMemBackend"}

interface, *fields = sys.argv[1:]
settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes",
                    "eventlog"],
    MIDDLEWARE=["eventlog.middleware.EventLogMiddleware"],
    ROOT_URLCONF=__name__,
    EVENTLOG=EVENTLOG | ({"FIELDS": fields} if fields else {}),
)  # fmt: skip


def loaded():
    return [name for name in LAZY_MODULES if name in sys.modules]


async def aok(request):
    return HttpResponse("ok")


def ok(request):
    return HttpResponse("ok")


urlpatterns = [path("ok/", aok if interface == "async" else ok)]


class ImportRecorder(MetaPathFinder):
    """Records for each import of ua_parser whether it is in the main thread."""

    def __init__(self):
        self.in_main_thread = []

    def find_spec(self, name, path=None, target=None):
        if name == "ua_parser":
            self.in_main_thread.append(current_thread() is main_thread())


def visit_in_threads():
    client = Client(HTTP_HOST="localhost")
    with ThreadPoolExecutor(REQUESTS) as pool:
        for _ in range(REQUESTS):
            pool.submit(client.get, "/ok/", HTTP_USER_AGENT=FIREFOX)


async def visit_on_the_event_loop():
    visit = AsyncClient().get
    headers = {"host": "localhost", "user-agent": FIREFOX}
    await asyncio.gather(*(visit("/ok/", headers=headers) for _ in range(REQUESTS)))


def main():
    (get_asgi_application if interface == "async" else get_wsgi_application)()
    from eventlog.backends.locmem import outbox

    recorder = ImportRecorder()
    sys.meta_path.insert(0, recorder)
    found = {"loaded": {"at start": loaded()}}
    Client(HTTP_HOST="localhost").get("/ok/")
    found["loaded"]["without an agent"] = loaded()
    outbox.clear()
    if interface == "async":
        asyncio.run(visit_on_the_event_loop())
    else:
        visit_in_threads()
    found["imported in the main thread"] = recorder.in_main_thread
    found["events"] = [event.extra for event in outbox]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
