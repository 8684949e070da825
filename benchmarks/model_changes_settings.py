"""Settings of the site for benchmarks.model_changes."""

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "auditlog", "simple_history", "benchmarks.products"]
EVENTLOG = {"MODEL_CHANGES": {"products.tracked": {}}}
