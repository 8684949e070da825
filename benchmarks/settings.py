"""Settings of the test site, with a database that outlives a connection."""

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, DB

if DB == "sqlite":
    DATABASES["default"]["NAME"] = os.environ["BENCHMARK_SQLITE"]
    DATABASES["default"]["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"
    }

DATABASES["default"]["CONN_MAX_AGE"] = None  # Busy sites keep their connections.
