"""Settings of the site for benchmarks.importers, with the packages whose tables are imported."""

from benchmarks.settings import DATABASES  # noqa: F401
from tests.packages.settings import *  # noqa: F403

ROOT_URLCONF = "tests.packages.importers.urls"
EVENTLOG = {"ACCESS": {"import": False}}
