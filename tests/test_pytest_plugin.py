"""The pytest plugin, in processes with a site of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .pytest_command import PYTEST
from .test_docs_examples import blocks

ROOT = Path(__file__).parent.parent
SITE = """
SECRET_KEY = "of the test site"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "eventlog"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
MIDDLEWARE = ["eventlog.middleware.EventLogMiddleware"]
ROOT_URLCONF = "urls"
USE_TZ = True
EVENTLOG = {"ENABLED": False}
"""
URLS = """
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("ok/", lambda request: HttpResponse("ok"), name="ok")]
"""
SHOP = """
import pytest
from django.contrib.auth.models import User
from eventlog.models import log

@pytest.fixture
def user(db):
    return User.objects.create_user("anna")

def place_order(user):
    log(user, "ORDER_PLACED")
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a test module in its own process and returns pytest's output."""

    def run(module, *arguments, site=SITE):
        (tmp_path / "site_settings.py").write_text(site)
        (tmp_path / "urls.py").write_text(URLS)
        (tmp_path / "test_generated.py").write_text(module)
        # The option -p loads the plugin if the package is on the path without being installed.
        command = [sys.executable, *PYTEST, "-p", "eventlog.pytest_plugin", *arguments]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    return run


def test_the_fixture_collects_the_events_of_each_test_without_a_database(run):
    output = run(
        """
import pytest
from eventlog.models import log

@pytest.mark.parametrize("number", [1, 2])
def test_own_event_only(eventlog, client, number):
    log(None, f"EVENT_{number}")
    client.get("/ok/")
    eventlog.assert_logged(f"EVENT_{number}")
    eventlog.assert_not_logged(f"EVENT_{3 - number}")
    assert [event.action for event in eventlog.events] == [f"EVENT_{number}", "GET_OK"]

def test_a_failure_shows_what_was_logged(eventlog):
    log(None, "ORDER_PLACED")
    eventlog.assert_logged("ORDER_PAID")
""",
        "--ds=site_settings",
    )
    assert "2 passed" in output
    assert "1 failed" in output
    assert "Expected an event ORDER_PAID, but none was logged." in output
    assert "def failure_message" not in output


def test_a_test_without_the_fixture_is_not_affected(run):
    output = run(
        """
import pytest
from eventlog.models import Log, log

@pytest.mark.django_db
def test_events_are_stored(settings):
    settings.EVENTLOG = {}
    log(None, "X")
    assert Log.objects.count() == 1
""",
        "--ds=site_settings",
    )
    assert "1 passed" in output


def test_the_plugin_loads_in_a_project_without_django(run):
    output = run(
        """
import sys

def test_django_is_not_imported():
    assert not any(name.startswith(("django.", "eventlog.models")) for name in sys.modules)
""",
        "-p",
        "no:django",
    )
    assert "1 passed" in output


def test_the_fixture_says_if_the_app_is_not_installed(run):
    output = run(
        "def test_x(eventlog): pass",
        "--ds=site_settings",
        site=SITE.replace(', "eventlog"]', "]").replace("MIDDLEWARE", "NONE"),
    )
    assert "'eventlog' in INSTALLED_APPS" in output


def test_the_tests_in_the_documents_pass(run):
    examples = blocks((ROOT / "docs" / "testing.md").read_text(), "python")
    # The others need a tracked model or another backend; see test_docs_examples.py.
    own = [each for each in examples if "widget" not in each and "outbox" not in each]
    output = run("\n".join([SHOP, *own]), "--ds=site_settings")
    assert "5 passed" in output
