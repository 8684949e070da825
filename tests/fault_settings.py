"""Settings of the test site in real server processes, with values from the environment."""

import json
import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, DB

DATABASES["default"] |= json.loads(os.environ["FAULTS_DATABASE"])
if DB == "sqlite":
    DATABASES["default"]["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
    }
DATABASES["default"]["CONN_MAX_AGE"] = None  # as on a busy site
EVENTLOG = json.loads(os.environ["FAULTS_EVENTLOG"])
ALLOWED_HOSTS = ["*"]
SILENCED_SYSTEM_CHECKS = ["eventlog.W011"]

# A project imports its Celery app in its __init__, before Django loads the apps.
import celery  # noqa: E402, F401

CELERY_RESULT_BACKEND = os.environ.get("FAULTS_RESULTS")
CELERY_BROKER_URL = os.environ.get("FAULTS_BROKER", "memory://")
TASKS = {"default": {"BACKEND": os.environ.get("FAULTS_TASKS", "dummy")}}
if "FAULTS_TASKS" in os.environ:
    INSTALLED_APPS = [*INSTALLED_APPS, "django_tasks_db"]  # noqa: F405
