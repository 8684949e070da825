"""A small site in its own directory, with a database, that subprocesses run."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

from django.db import connection

from ..settings import DATABASES, DB
from .support import actions

ROOT = Path(__file__).parents[2]

SETTINGS = """
import json, os

if os.environ["EVENTLOG_TEST_DB"] == "mariadb":
    try:
        import MySQLdb
    except ImportError:
        import pymysql
        pymysql.install_as_MySQLdb()
DATABASES = {"default": json.loads(os.environ["PROJECT_DATABASE"])}
EVENTLOG = json.loads(os.environ["PROJECT_EVENTLOG"])
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "eventlog"]
MIDDLEWARE = ["eventlog.middleware.EventLogMiddleware"]
ROOT_URLCONF = "urls"
SECRET_KEY = "of the project"
ALLOWED_HOSTS = ["*"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
SILENCED_SYSTEM_CHECKS = ["eventlog.W011"]
"""
URLS = """
from django.http import HttpResponse
from django.urls import path

async def aok(request):
    return HttpResponse("ok")

urlpatterns = [
    path("ok/", lambda request: HttpResponse("ok"), name="ok"),
    path("aok/", aok, name="aok"),
]
"""
PREAMBLE = """
import asyncio, importlib, json, os, pkgutil, shutil, signal, sys
from contextlib import suppress
from pathlib import Path
import django
django.setup()
from django.db import connection, transaction
from django.test import AsyncClient, Client
from django.core.management import call_command
from eventlog.backends import get_backend
from eventlog.models import Log, log
backend = get_backend()

def become_another_user():
    # Imported and connected first, because the other user may not read the installed packages.
    names = ("asgiref", "django.core", "django.db", "django.http", "django.urls", "django.utils")
    for name in (*names, "eventlog", "ipware", "ua_parser", "user_agents"):
        path = importlib.import_module(name).__path__
        for module in pkgutil.walk_packages(path, f"{name}.", str):
            with suppress(Exception):
                importlib.import_module(module.name)
    connection.ensure_connection()
    os.setuid(65534)
"""


class Project:
    """A site that uses the database of the tests as an ordinary database."""

    def __init__(self, directory, template=None, **options):
        self.directory = directory
        self.spool = directory / "spool"
        self.write("project.py", SETTINGS)
        self.write("urls.py", URLS)
        database = {**DATABASES["default"], "NAME": connection.settings_dict["NAME"]}
        if DB == "sqlite":
            self.file = directory / "db.sqlite3"
            database |= {"NAME": str(self.file), "OPTIONS": {"timeout": 20}}
        self.env = os.environ | {
            "PYTHONPATH": f"{ROOT}{os.pathsep}{directory}",
            "DJANGO_SETTINGS_MODULE": "project",
            "EVENTLOG_TEST_DB": DB,
            "PROJECT_DATABASE": json.dumps(database),
        }
        self.configure(**options)
        if DB == "sqlite" and template is not None and template.exists():
            shutil.copy(template, self.file)

    def configure(self, **options):
        options = {"spool": str(self.spool), "interval": 0.05} | options
        backend = "eventlog.backends.buffered.BufferedBackend"
        self.env["PROJECT_EVENTLOG"] = json.dumps({"BACKEND": backend, "OPTIONS": options})

    def write(self, name, text):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, *command, code=0, **options):
        done = subprocess.run(
            [sys.executable, *command],
            env=self.env,
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
            **options,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def manage(self, *command, code=0):
        return self.run("-m", "django", *command, code=code)

    def python(self, script, code=0, **options):
        return self.run("-c", PREAMBLE + textwrap.dedent(script), code=code, **options)

    def actions(self):
        """Return the actions in the site's table."""
        if DB != "sqlite":
            return actions()
        connected = sqlite3.connect(self.file)
        try:
            rows = connected.execute("SELECT action FROM eventlog_log ORDER BY id").fetchall()
        finally:
            connected.close()
        return [action for (action,) in rows]
