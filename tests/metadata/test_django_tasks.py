"""The context of Django's tasks: a worker does not know who enqueued them."""

import json

import django
import pytest

import eventlog

from ..shop.background import in_background
from ..test_faults import database, site  # noqa: F401 (fixtures)

PACKAGE = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"

ENQUEUE = """
import eventlog
from tests.shop.background import in_background
with eventlog.context(reason="of the shell"):
    in_background.enqueue("ticket 4711")
"""
DUMP = """
import json
from eventlog.models import Log
print(json.dumps([[e.action, e.extra] for e in Log.objects.order_by("id")]))
"""


def test_a_task_that_runs_at_once_keeps_the_context(settings, outbox):
    settings.TASKS = {"default": {"BACKEND": f"{PACKAGE}.backends.immediate.ImmediateBackend"}}
    with eventlog.context(reason="of the caller"):
        in_background.enqueue("ticket 4711")
    assert [(event.action, event.extra["reason"]) for event in outbox] == [
        ("IN_TASK", "of the caller"),
        ("IN_BLOCK", "ticket 4711"),
    ]


@pytest.mark.faults
def test_a_task_in_a_worker_has_only_the_values_of_its_own_block(site):  # noqa: F811
    pytest.importorskip("django_tasks_db")
    site.env["FAULTS_EVENTLOG"] = "{}"
    site.env["FAULTS_TASKS"] = "django_tasks_db.DatabaseBackend"
    site.manage("migrate", "-v0")
    site.manage("shell", "-v0", "-c", ENQUEUE)
    site.manage("db_worker", "--batch", "-v0")
    assert json.loads(site.manage("shell", "-v0", "-c", DUMP)) == [
        ["IN_TASK", {}],
        ["IN_BLOCK", {"reason": "ticket 4711", "command": "db_worker"}],
    ]
