"""The origin of a request follows into the tasks that it starts: with a real worker."""

import json
import sys

import pytest

from .test_faults import database, redis, site  # noqa: F401 (fixtures)

pytestmark = pytest.mark.faults

VISIT = """
from django.contrib.auth.models import User
from django.test import Client
from tests import fault_site
from tests.shop.tasks import in_task
client = Client()
client.force_login(User.objects.create_user("anna"))
client.get("/start-task/", REMOTE_ADDR="192.0.2.7")
in_task.delay().get(timeout=60)
"""
DUMP = """
import json
from eventlog.models import Log
print(json.dumps([[e.action, e.user_repr, e.extra] for e in Log.objects.order_by("id")]))
"""


def test_log_in_a_celery_task_knows_the_request_that_started_it(site, redis):  # noqa: F811
    site.env["FAULTS_BROKER"] = redis.url
    site.env["FAULTS_RESULTS"] = redis.url
    site.env["FAULTS_EVENTLOG"] = "{}"
    command = [sys.executable, "-m", "celery", "-A", "tests.fault_site", "worker", "-c", "1"]
    site.start([*command, "--without-gossip", "--without-mingle", "-l", "WARNING"])
    site.manage("shell", "-v0", "-c", VISIT)
    inner, request, alone = json.loads(site.manage("shell", "-v0", "-c", DUMP))
    assert inner[:2] == ["IN_TASK", "anna"]
    assert (inner[2]["ip"], inner[2]["path"]) == ("192.0.2.7", "/start-task/")
    assert inner[2]["request_id"] == request[2]["request_id"]
    assert alone == ["IN_TASK", "", {}]  # the worker has forgotten it
