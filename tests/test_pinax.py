"""A site on pinax-eventlog 6.0.0 changes one line and keeps its history."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).parent.parent


def _their_tests():
    """Return the test cases of pinax-eventlog, with the names of this package."""
    spec = importlib.util.find_spec("pinax.eventlog.tests.tests")
    source = Path(spec.origin).read_text()
    source = source.replace("from ..", "from eventlog.").replace("pinax/eventlog/", "eventlog/")
    names = {"__name__": __name__}
    exec(compile(source, spec.origin, "exec"), names)
    return {name: value for name, value in names.items() if name.startswith("Test")}


globals().update(_their_tests())


def test_the_test_cases_of_pinax_eventlog_are_found():
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

EXACT = """
from eventlog.models import Log, log
Log.objects.filter(pk=501).delete()
rows = [log(None, name) for name in ("\U0001f600", "\U0001f601", "\u00c9", "\u00e9", "E", "e")]
assert all(Log.objects.get(action=row.action) == row for row in rows)
Log.objects.filter(pk__gt=500).delete()
"""
COUNT = "from pinax.eventlog.models import Log; print(Log.objects.count())"


@pytest.fixture
def site(tmp_path, own_database):
    """Run Django's commands for a site with the old app, then the new one, on one database."""

    def run(app, *command):
        (tmp_path / f"{app.replace('.', '_')}_settings.py").write_text(
            SETTINGS.format(app=app, name=own_database)
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


def test_every_row_is_kept_after_the_swap_and_migrate(site):
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


def test_migrations_after_0002_can_be_undone(site):
    site("eventlog", "migrate", "-v0")
    site("eventlog", "migrate", "-v0", "eventlog", "0002")
    site("pinax.eventlog", "makemigrations", "--check", "--dry-run")


def test_processes_of_the_previous_release_can_write_during_the_roll_out(site):
    site("eventlog", "migrate", "-v0")
    site("pinax.eventlog", "shell", "-v0", "-c", FILL)
    after = json.loads(site("eventlog", "shell", "-v0", "-c", DUMP.format(package="eventlog")))
    assert len(after) == 500


@pytest.mark.skipif(connection.vendor != "mysql", reason="a property of MySQL tables")
@pytest.mark.parametrize(("charset", "row_format"), [("latin1", "COMPACT"), ("utf8mb3", "DYNAMIC")])
def test_a_table_of_an_older_server_accepts_the_new_columns(
    site, own_database, django_db_blocker, charset, row_format
):
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {own_database} CHARACTER SET {charset}")
    site("pinax.eventlog", "migrate", "-v0")
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {own_database}.eventlog_log ROW_FORMAT={row_format}")
    site("pinax.eventlog", "shell", "-v0", "-c", FILL)
    site("eventlog", "migrate", "-v0")
    site("eventlog", "shell", "-v0", "-c", GO_ON)
    site("eventlog", "shell", "-v0", "-c", EXACT)
    site("eventlog", "migrate", "-v0", "eventlog", "0002")
    assert site("pinax.eventlog", "shell", "-v0", "-c", COUNT) == "500\n"


@pytest.mark.django_db
def test_the_indexes_are_those_of_the_model_and_no_other():
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, "eventlog_log").values()
    indexes = [entry for entry in found if entry["index"] and not entry["primary_key"]]
    columns = sorted(entry["columns"] for entry in indexes)
    partial = [["timestamp"], ["user_repr", "timestamp"]]  # of events, and of deleted accounts
    assert columns == sorted(
        [
            *(partial if connection.features.supports_partial_indexes else []),
            ["action", "timestamp"],
            ["content_type_id", "object_id", "timestamp"],
            ["timestamp"],
            ["user_id", "timestamp"],
            ["ip", "timestamp"],
            ["status", "timestamp"],
        ]
    )
