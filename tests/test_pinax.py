"""A site on pinax-eventlog 6.0.0 changes one line and keeps its history."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from .settings import DB

ROOT = Path(__file__).parent.parent


def _their_tests():
    """pinax-eventlog's own test cases, over our package: nothing but the names are changed."""
    spec = importlib.util.find_spec("pinax.eventlog.tests.tests")
    source = Path(spec.origin).read_text()
    source = source.replace("from ..", "from eventlog.").replace("pinax/eventlog/", "eventlog/")
    names = {"__name__": __name__}
    exec(compile(source, spec.origin, "exec"), names)
    return {name: value for name, value in names.items() if name.startswith("Test")}


globals().update(_their_tests())


def test_their_tests_were_found():
    assert {"TestStats", "TestModels", "TestMixins"} <= set(globals())


SETTINGS = """
from tests.settings import *
from tests.settings import DB
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", {app!r}]
DATABASES["default"]["NAME"] = {name!r}
MIDDLEWARE = []
ROOT_URLCONF = __name__
urlpatterns = []
"""
FILL = """
from datetime import datetime, timezone
from django.contrib.auth.models import User
from pinax.eventlog.models import Log, log
anna = User.objects.create_user("anna")
for n in range(500):
    log(
        user=anna if n % 3 else None,
        action=f"ACTION_{n % 7}",
        extra={"n": n, "deep": [{"\u00e9": None}]},
        obj=anna if n % 2 else None,
        dateof=datetime(2025, 1, 1, n % 24, tzinfo=timezone.utc),
    )
"""
DUMP = """
import json
from {package}.models import Log
print(json.dumps([
    [e.pk, e.user_id, e.action, e.content_type_id, e.object_id and str(e.object_id), e.extra,
     e.timestamp.isoformat(), e.obj and e.obj.username]
    for e in Log.objects.order_by("pk")
]))
"""
GO_ON = """
from django.contrib.auth.models import User
from eventlog.models import Log, log
anna = User.objects.get()
assert Log.objects.for_user(anna).count() == 333
assert Log.objects.for_object(anna).count() == 250
event = log(anna, "N" * 255, obj=anna)
assert event.pk == 501, event.pk
assert Log.objects.first() == event
"""


@pytest.fixture
def site(tmp_path):
    """Run Django's commands for a site with the old app, then the new one, on one database."""
    name = str(tmp_path / "site.sqlite3") if DB == "sqlite" else "eventlog_upgrade"

    def run(app, *command):
        (tmp_path / f"{app.replace('.', '_')}_settings.py").write_text(
            SETTINGS.format(app=app, name=name)
        )
        result = subprocess.run(
            [sys.executable, "-m", "django", *command],
            env=os.environ
            | {
                "DJANGO_SETTINGS_MODULE": f"{app.replace('.', '_')}_settings",
                "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    return run


@pytest.fixture
def _own_database(django_db_setup, django_db_blocker):
    """An empty database beside that of the tests; a SQLite file needs nobody to make it."""
    if DB == "sqlite":
        yield
        return
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS eventlog_upgrade")
        cursor.execute("CREATE DATABASE eventlog_upgrade")
        yield
        cursor.execute("DROP DATABASE eventlog_upgrade")


@pytest.mark.usefixtures("_own_database")
def test_every_row_is_there_after_the_swap_and_migrate(site):
    site("pinax.eventlog", "migrate", "-v0")
    site("pinax.eventlog", "shell", "-v0", "-c", FILL)
    before = json.loads(
        site("pinax.eventlog", "shell", "-v0", "-c", DUMP.format(package="pinax.eventlog"))
    )
    site("eventlog", "migrate", "-v0")
    after = json.loads(site("eventlog", "shell", "-v0", "-c", DUMP.format(package="eventlog")))
    assert len(after) == 500
    assert after == before
    site("eventlog", "shell", "-v0", "-c", GO_ON)
    site("eventlog", "makemigrations", "--check", "--dry-run")


@pytest.mark.usefixtures("_own_database")
def test_and_back_again(site):
    site("eventlog", "migrate", "-v0")
    site("eventlog", "migrate", "-v0", "eventlog", "0002")
    site("pinax.eventlog", "makemigrations", "--check", "--dry-run")


@pytest.mark.usefixtures("_own_database")
def test_the_release_before_can_write_while_the_new_one_rolls_out(site):
    site("eventlog", "migrate", "-v0")
    site("pinax.eventlog", "shell", "-v0", "-c", FILL)
    after = json.loads(site("eventlog", "shell", "-v0", "-c", DUMP.format(package="eventlog")))
    assert len(after) == 500


@pytest.mark.django_db
def test_there_is_an_index_for_each_question_and_no_other():
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, "eventlog_log").values()
    indexes = [entry for entry in found if entry["index"] and not entry["primary_key"]]
    columns = sorted([name or "(expression)" for name in entry["columns"]] for entry in indexes)
    virtual = connection.vendor == "mysql"
    assert columns == sorted(
        [
            ["action", "timestamp"],
            ["content_type_id", "object_id", "timestamp"],
            ["timestamp"],
            ["user_id", "timestamp"],
            [*(["fact_day", "fact_ip"] if virtual else ["(expression)"] * 2), "timestamp"],
            ["fact_status_class" if virtual else "(expression)", "timestamp"],
        ]
    )
