"""Settings of the test site with a separate database for events."""

import os
from copy import deepcopy

from .settings import *  # noqa: F403
from .settings import DATABASES, DB

DATABASES["events"] = deepcopy(DATABASES["default"])
for alias, database in DATABASES.items():
    # Two files, because two databases in memory would have the same name.
    folder = os.environ.get("APART_FOLDER", ".")
    name = f"{folder}/{alias}.sqlite3" if DB == "sqlite" else f"{database['NAME']}_{alias}"
    database["TEST"] = database.get("TEST", {}) | {
        "NAME": name if DB == "sqlite" else f"test_{name}"
    }
DATABASE_ROUTERS = ["tests.apart_settings.Router"]


class Router:
    """A router as in Django's documentation, which returns None for other apps."""

    def db_for_read(self, model, **hints):
        return "events" if model._meta.app_label == "eventlog" else None

    db_for_write = db_for_read


if os.environ.get("APART_MIGRATE") == "own":

    def allow_migrate(self, db, app_label, **hints):
        return (app_label == "eventlog") == (db == "events")

    Router.allow_migrate = allow_migrate
