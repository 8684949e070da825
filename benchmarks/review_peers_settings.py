"""The site that the admin of each peer is read on; its apps and settings are in the environment."""

import json
import os

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import INSTALLED_APPS, MIDDLEWARE

_APPS, _OPTIONS = json.loads(os.environ["BENCHMARK_PEER"])
INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "eventlog"] + _APPS
MIDDLEWARE = [name for name in MIDDLEWARE if not name.startswith("eventlog")]
ROOT_URLCONF = "benchmarks.review_peers_urls"
globals().update(_OPTIONS)
