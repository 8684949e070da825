"""Settings of the served site; what differs between variants comes from the environment."""

import json
import os

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import DATABASES

MIDDLEWARE = json.loads(os.environ["BENCHMARK_MIDDLEWARE"])
EVENTLOG = json.loads(os.environ["BENCHMARK_EVENTLOG"])
ROOT_URLCONF = os.environ["BENCHMARK_URLCONF"]
ALLOWED_HOSTS = ["*"]
DATABASES["default"]["CONN_MAX_AGE"] = json.loads(os.environ.get("BENCHMARK_CONN_MAX_AGE", "null"))
if "BENCHMARK_DATABASE" in os.environ:
    DATABASES["default"]["NAME"] = os.environ["BENCHMARK_DATABASE"]
