"""Settings of the site for benchmarks.review_peers, with apps from the environment."""

import json
import os

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import INSTALLED_APPS, MIDDLEWARE

_APPS, _OPTIONS = json.loads(os.environ["BENCHMARK_PEER"])
INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "eventlog"] + _APPS
MIDDLEWARE = [name for name in MIDDLEWARE if not name.startswith("eventlog")]
ROOT_URLCONF = "benchmarks.review_peers_urls"
globals().update(_OPTIONS)
