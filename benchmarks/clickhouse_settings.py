"""Settings of the test site with the app that stores events in ClickHouse."""

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "eventlog.contrib.clickhouse"]
