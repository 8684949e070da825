"""The site of the benchmarks, as a server loads it: what differs comes from the environment."""

import json
import os

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import DATABASES

MIDDLEWARE = json.loads(os.environ["BENCHMARK_MIDDLEWARE"])
EVENTLOG = json.loads(os.environ["BENCHMARK_EVENTLOG"])
ALLOWED_HOSTS = ["*"]
if "BENCHMARK_DATABASE" in os.environ:
    DATABASES["default"]["NAME"] = os.environ["BENCHMARK_DATABASE"]
