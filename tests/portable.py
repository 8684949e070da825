"""Import all of eventlog, check, migrate and log without what Windows does not have."""

import ctypes
import os
from importlib import import_module
from pkgutil import walk_packages
from traceback import walk_tb

import django
from django.conf import settings
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from tests import no_fcntl

MISSING = (
    *("fork", "register_at_fork", "getuid", "geteuid", "fchmod", "pread", "pwrite", "statvfs"),
    *("sysconf", "uname", "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW"),
)
DATABASE = "eventlog.backends.database.DatabaseBackend"
SPOOLED = ("buffered.BufferedBackend", "celery.CeleryBackend", "tasks.TasksBackend")

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    EVENTLOG={"BACKEND": DATABASE},
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "eventlog",
        "eventlog.contrib.forward",
        "eventlog.contrib.model_changes",
        "eventlog.contrib.sign_ins",
    ],
    MIDDLEWARE=[
        "eventlog.middleware.EventLogMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY="portable",
    STATIC_URL="/static/",
    TEMPLATES=[
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
    ],
    USE_TZ=True,
)
urlpatterns = []


def hide():
    """Remove names of Python that exist on Unix only."""
    no_fcntl.hide()
    for name in MISSING:
        if hasattr(os, name):
            delattr(os, name)
    real = ctypes.PyDLL

    def library(name, *args, **kwargs):
        if name is None:
            raise TypeError("bad argument type for built-in operation")
        return real(name, *args, **kwargs)

    ctypes.PyDLL = library


def import_all():
    """Import each module; another package may be missing or not work without the hidden names."""
    import eventlog

    for module in walk_packages(eventlog.__path__, "eventlog."):
        try:
            import_module(module.name)
        except Exception as error:
            *_, (frame, _line) = walk_tb(error.__traceback__)
            name = str(frame.f_globals["__name__"])
            is_ours = name.startswith(("eventlog", "tests"))
            missing = str(error.name) if isinstance(error, ModuleNotFoundError) else "eventlog"
            if is_ours and (missing.startswith("eventlog") or missing in no_fcntl.MISSING):
                raise


def use_default_backend():
    from django.contrib import admin
    from django.contrib.auth.models import User
    from django.test import Client
    from django.urls import path

    from eventlog.models import Log, log

    urlpatterns.append(path("admin/", admin.site.urls))
    assert run_checks() == []
    call_command("migrate", verbosity=0)
    log(None, "X", {"a": 1})
    client = Client(HTTP_HOST="localhost")
    client.force_login(User.objects.create_superuser("root"))
    events = "/admin/eventlog/log/"
    pages = ("", "overview/", "export/csv/", f"{Log.objects.action('X').get().pk}/change/")
    assert [client.get(f"{events}{page}").status_code for page in pages] == [200] * 4
    assert client.get("/nowhere/").status_code == 404
    assert Log.objects.action("GET_UNRESOLVED").exists()
    call_command("eventlog_count", verbosity=0)
    call_command("eventlog_search", "action:X", stdout=open(os.devnull, "w"))  # noqa: SIM115


def refuse_spool():
    from django.test import override_settings

    from eventlog.backends import get_backend

    for backend in SPOOLED:
        with override_settings(EVENTLOG={"BACKEND": f"eventlog.backends.{backend}"}):
            assert "eventlog.E011" in [message.id for message in run_checks()], backend
            try:
                get_backend()
            except ImproperlyConfigured as error:
                assert "fcntl" in str(error)
            else:
                raise AssertionError(backend)
    targets = {"siem": {"TARGET": "file", "OPTIONS": {"path": "events.log"}}}
    with override_settings(EVENTLOG={"BACKEND": DATABASE, "FORWARD": targets}):
        assert [message.id for message in run_checks()] == ["eventlog.E011"]


if __name__ == "__main__":
    hide()
    django.setup()
    import_all()
    use_default_backend()
    refuse_spool()
