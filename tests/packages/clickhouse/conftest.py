import clickhouse_connect
import pytest
from django.core.management import call_command

from eventlog.backends import get_backend
from eventlog.contrib.clickhouse.columns import WRITTEN
from eventlog.contrib.clickhouse.rows import event_values
from eventlog.models import Log
from tests.backends.conftest import project, serving, template

__all__ = ["project", "serving", "template"]

BACKEND = "eventlog.contrib.clickhouse.backend.ClickHouseBackend"


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    """Return how to connect to ClickHouse's engine inside this process, which has one path."""
    arguments = {"interface": "chdb", "path": str(tmp_path_factory.mktemp("clickhouse"))}
    client = clickhouse_connect.get_client(**arguments)  # keeps the engine between the tests
    yield arguments
    client.close()


@pytest.fixture
def options(engine, tmp_path):
    return {"connection": engine, "spool": tmp_path / "spool", "interval": None}


@pytest.fixture
def backend(settings, options, db):
    """A backend that delivers on ``flush()``, with an empty table."""
    settings.EVENTLOG = {"BACKEND": BACKEND, "OPTIONS": options, "REQUESTS": []}
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "eventlog.contrib.clickhouse"]
    found = get_backend()
    found.table.server.command(f"DROP TABLE IF EXISTS {found.table.name} SYNC")
    call_command("eventlog_clickhouse", "create", verbosity=0)
    yield found
    settings.EVENTLOG = {}
    get_backend()


@pytest.fixture
def select(backend):
    """Return a function that returns the rows of a SELECT from the table."""

    def rows(columns, rest="ORDER BY timestamp, id"):
        return backend.table.server.query(f"SELECT {columns} FROM {backend.table.name} {rest}")

    return rows


@pytest.fixture
def copy(backend):
    """Return a function that copies the events of the database to ClickHouse."""

    def run():
        table = backend.table
        table.server.command(f"TRUNCATE TABLE {table.name}")
        values = [event_values(event, "copied") for event in Log.objects.all()]
        table.server.insert(table.name, WRITTEN, values, {"async_insert": 0})

    return run
