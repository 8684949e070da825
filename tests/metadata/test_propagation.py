"""The context of a request is propagated to the tasks that it starts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..test_faults import database, redis, site  # noqa: F401 (fixtures)

ROOT = Path(__file__).parents[2]

VISIT = """
import eventlog
from django.contrib.auth.models import User
from django.test import Client
from tests import fault_site
from tests.shop.tasks import in_task
client = Client()
client.force_login(User.objects.create_user("anna"))
traced = {"HTTP_TRACEPARENT": f"00-{'a' * 32}-{'b' * 16}-01"}
client.get("/start-task/", REMOTE_ADDR="192.0.2.7", **traced)
client.get("/start-task/?reason=ticket", REMOTE_ADDR="192.0.2.7")
anna, zora = User.objects.get(), User.objects.create_user("zora")
given = {"ip": "192.0.2.9", "reason": "night run", "extra": {"job": [7]}}
with eventlog.context(user=anna, acting_user=zora, **given):
    in_task.delay().get(timeout=60)
in_task.delay().get(timeout=60)
"""
SETTINGS = """
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "eventlog"]
SECRET_KEY = "of the test site"
"""
DUMP = """
import json
from eventlog.models import Log
print(json.dumps([[e.action, e.user_repr, e.extra] for e in Log.objects.order_by("id")]))
"""


@pytest.mark.faults
def test_log_in_a_celery_task_records_the_request_that_started_it(site, redis):  # noqa: F811
    site.env["FAULTS_BROKER"] = redis.url
    site.env["FAULTS_RESULTS"] = redis.url
    site.env["FAULTS_EVENTLOG"] = json.dumps({"TRUSTED_PROXIES": ["192.0.2.7"]})
    command = [sys.executable, "-m", "celery", "-A", "tests.fault_site", "worker", "-c", "1"]
    site.start([*command, "--without-gossip", "--without-mingle", "-l", "WARNING"])
    site.manage("shell", "-v0", "-c", VISIT)
    events = json.loads(site.manage("shell", "-v0", "-c", DUMP))
    inner, request, explained, _request, given, alone = events
    assert inner[:2] == ["IN_TASK", "anna"]
    assert (inner[2]["ip"], inner[2]["path"]) == ("192.0.2.7", "/start-task/")
    assert inner[2]["request_id"] == request[2]["request_id"]
    assert (inner[2]["trace_id"], inner[2]["span_id"]) == ("a" * 32, "b" * 16)
    assert "reason" not in inner[2]
    assert explained[:2] == ["IN_TASK", "anna"]
    facts = {"path": "/start-task/", "ip": "192.0.2.7", "reason": "ticket", "order": 7}
    assert {**explained[2], **facts} == explained[2]
    assert given[:2] == ["IN_TASK", "anna"]
    assert given[2].pop("acting_user_id").isdigit()
    assert given[2] == {
        "ip": "192.0.2.9",
        "acting_user": "zora",
        "reason": "night run",
        "command": "shell",
        "job": [7],
    }
    assert alone == ["IN_TASK", "", {}]  # The worker has dropped the context.


def test_a_task_gets_its_request_when_a_view_is_the_first_to_import_celery(tmp_path):
    command = [sys.executable, "-m", "tests.metadata.late_celery", tmp_path / "site.sqlite3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [["IN_TASK", "/publish/"], ["GET_PUBLISH", "/publish/"]]


def test_a_site_with_a_folder_named_celery_starts(tmp_path):
    (tmp_path / "celery").mkdir()
    (tmp_path / "celery" / "__init__.py").touch()
    (tmp_path / "settings.py").write_text(SETTINGS)
    script = "import sys; sys.path.insert(0, sys.argv[1]); import django; django.setup()"
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", script, tmp_path]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
